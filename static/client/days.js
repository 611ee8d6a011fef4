/** Days and clocks of a place: its own time zone, whatever the viewer's is. Pure. Days are written 2026-11-21. */

const DAY = 86_400_000;
const clocks = new Map();

function clockOf(zone) {
  if (!clocks.has(zone)) {
    const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", weekday: "short" };
    clocks.set(zone, new Intl.DateTimeFormat("en-US", { ...parts, hourCycle: "h23", timeZone: zone }));
  }
  return clocks.get(zone);
}

/** @param {number} moment milliseconds @returns {{day: string, minute: number, weekday: string}} what clocks there show; weekday as `mon` */
export function clockAt(moment, zone) {
  const found = {};
  for (const { type, value } of clockOf(zone).formatToParts(moment)) found[type] = value;
  const { year, month, day, hour, minute, weekday } = found;
  return { day: `${year}-${month}-${day}`, minute: Number(hour) * 60 + Number(minute), weekday: weekday.toLowerCase() };
}

/** @returns {string} the day that a moment falls on there */
export function dayAt(moment, zone) {
  return clockAt(moment, zone).day;
}

/** @returns {string} the day so many days later */
export function daysLater(day, count) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY).toISOString().slice(0, 10);
}

/** @returns {number} how many days the second is later than the first */
export function daysBetween(day, later) {
  return Math.round((Date.parse(`${later}T00:00:00Z`) - Date.parse(`${day}T00:00:00Z`)) / DAY);
}

/** @returns {string[]} a day and those that follow it */
export function daysFrom(day, count) {
  return Array.from({ length: count }, (_, after) => daysLater(day, after));
}

/** @param {string} text @returns {boolean} whether it names a day of the calendar */
export function isDay(text) {
  const moment = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return !Number.isNaN(moment) && new Date(moment).toISOString().startsWith(text);
}

/**
 * When clocks there show a minute of a day: the first time where they show it twice, and where they skip it as much later as
 * they are put forward.
 * @param {string} day @param {number} minute since midnight, up to 24 × 60 @returns {number} milliseconds
 */
export function momentAt(day, minute, zone) {
  const wanted = Date.parse(`${day}T00:00:00Z`) + minute * 60_000;
  const before = wanted - offsetAt(wanted - DAY, zone);
  const after = wanted - offsetAt(wanted + DAY, zone);
  return before + offsetAt(before, zone) === wanted || after + offsetAt(after, zone) !== wanted ? before : after;
}

/** @returns {number} milliseconds by which clocks there are ahead of UTC */
export function offsetAt(moment, zone) {
  const { day, minute } = clockAt(moment, zone);
  return Date.parse(`${day}T00:00:00Z`) + minute * 60_000 - Math.floor(moment / 60_000) * 60_000;
}
