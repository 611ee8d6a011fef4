/** What a time grid says of days, steps and choices. Pure. */

import { offsetAt } from "../../client/days.js";
import { lengthWords, priceOf, rangeAloud, rangeOf, stepOf } from "../../client/grid.js";
import { formatMoney } from "../../client/money.js";
import { formatMonth, formatTime, formatWeekday } from "../../client/times.js";
import { Look, leftWords, shortWordsOf, wordsOf } from "./looks.js";

const HOUR = 60;
const DAY_MINUTES = 1440;

/** @returns {{day: string, time: string, until: string}} what a step is called */
export function stepNames(resource, step) {
  const zone = resource.time_zone;
  return { day: formatWeekday(step.start, zone), time: formatTime(step.start, zone), until: formatTime(step.start + stepOf(resource), zone) };
}

/** @returns {{mark: string, rest: string}} the word that stands in a step, and what is said beside it */
export function stateWords(resource, look, available, chosen) {
  if (chosen) return { mark: "Chosen", rest: "" };
  const capacity = resource.grid.capacity;
  const mark = look === Look.FREE ? leftWords(available, capacity) : shortWordsOf(look);
  const said = wordsOf(look);
  return { mark, rest: said.toLowerCase() === mark.toLowerCase() ? "" : `, ${said}` };
}

/** @returns {string} what is chosen, for who hears it */
export function choiceWords(resource, selection) {
  const { start, end } = selection;
  const length = lengthWords((end - start) * resource.grid.step_minutes);
  return `Chosen: ${rangeAloud(rangeOf(resource, selection), resource.time_zone)}, ${length}, ${formatMoney(priceOf(resource, { start, end }))}.`;
}

/** @returns {string} why a choice is not quite what was asked for; empty if it is */
export function noteWords(resource, { note, end }) {
  const { min_minutes: least, max_minutes: most } = resource.grid;
  const until = end === null ? "" : formatTime(rangeOf(resource, { start: end, end })[0], resource.time_zone);
  return {
    blocked: `It is free until ${until} only.`,
    long: `At most ${lengthWords(most)} can be booked at once.`,
    short: `At least ${lengthWords(least)} can be booked here, and less than that is free from then on.`,
    taken: "Somebody was faster: some of that has just been taken.",
  }[note] ?? "";
}

/** @param {number} steps that are free @returns {string} such as `9 h`, `full` or `closed` */
export function freeWords(steps, length, anyOpen) {
  if (!anyOpen) return "closed";
  const minutes = steps * length;
  if (minutes === 0) return "full";
  const hours = minutes / HOUR;
  return hours < 1 ? `${minutes} min` : `${Number.isInteger(hours) ? hours : hours.toFixed(1)} h`;
}

/** @returns {string} how the place's clocks differ from the viewer's at a moment; empty if they don't */
export function zoneWords(zone, viewers, moment) {
  const ahead = (offsetAt(moment, zone) - offsetAt(moment, viewers)) / 60_000;
  if (ahead === 0) return "";
  const length = lengthWords(Math.abs(ahead));
  return `All times are those of the place (${zone.replaceAll("_", " ")}), ${length} ${ahead > 0 ? "ahead of" : "behind"} yours.`;
}

/** @param {number} minute of the wall @returns {string} as the viewer writes times of day */
export function clockWords(minute) {
  return formatTime(Date.UTC(2000, 0, 1) + (minute % DAY_MINUTES) * 60_000, "UTC");
}

/** @returns {[string, string]} a day for its button: weekday and number, such as `Sat` and `21` */
export function dayWords(day) {
  const [weekday] = formatWeekday(middayOf(day), "UTC").match(/\p{L}+/u);
  return [weekday, String(Number(day.slice(8)))];
}

/** @returns {string} such as `November 2026`, or `Nov – Dec 2026` */
export function monthWords(days) {
  const [first, last] = [days[0], days.at(-1)].map(middayOf);
  const year = days.at(-1).slice(0, 4);
  if (days[0].slice(0, 7) === days.at(-1).slice(0, 7)) return `${formatMonth(first, "UTC")} ${year}`;
  return `${formatMonth(first, "UTC", "short")} – ${formatMonth(last, "UTC", "short")} ${year}`;
}

function middayOf(day) {
  return Date.parse(`${day}T12:00:00Z`);
}
