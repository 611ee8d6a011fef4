/** Moments as people write them, in the time zone of the place they are about. */

const formats = new Map();

function format(options, timeZone) {
  const key = JSON.stringify([options, timeZone]);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(undefined, { ...options, timeZone }));
  return formats.get(key);
}

/** @returns {string} such as `Saturday, 21 November` */
export function formatDay(moment, timeZone) {
  return format({ weekday: "long", day: "numeric", month: "long" }, timeZone).format(new Date(moment));
}

/** @returns {string} such as `Sat 21 Nov`, where room is short */
export function formatWeekday(moment, timeZone) {
  return format({ weekday: "short", day: "numeric", month: "short" }, timeZone).format(new Date(moment)).replace(",", "");
}

/** @param {"long" | "short"} [length] @returns {string} such as `November` */
export function formatMonth(moment, timeZone, length = "long") {
  return format({ month: length }, timeZone).format(new Date(moment));
}

/** @returns {string} such as `19:30` */
export function formatTime(moment, timeZone) {
  return format({ hour: "2-digit", minute: "2-digit" }, timeZone).format(new Date(moment));
}

/** @returns {string} day and time, or an empty text if there is no moment */
export function formatMoment(moment, timeZone) {
  return moment ? `${formatDay(moment, timeZone)}, ${formatTime(moment, timeZone)}` : "";
}

/** @returns {string} the year-month-day on which the moment falls there, to group by */
export function dayKey(moment, timeZone) {
  return format({ year: "numeric", month: "2-digit", day: "2-digit" }, timeZone).format(new Date(moment));
}
