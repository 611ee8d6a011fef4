/**
 * A grid resource: slots that are steps of time. An index is how many whole steps after `grid.origin` a step begins. Pure.
 */

import { clockAt, dayAt } from "./days.js";
import { formatMoney } from "./money.js";
import { formatDay, formatTime, formatWeekday } from "./times.js";

const MINUTE = 60_000;

/** @returns {number} a step's length in milliseconds */
export function stepOf({ grid }) {
  return grid.step_minutes * MINUTE;
}

/** @returns {number} milliseconds at which step `index` begins, and the one before it ends */
export function startOf(resource, index) {
  return Date.parse(resource.grid.origin) + index * stepOf(resource);
}

/** @returns {number} the step that a moment is in */
export function indexAt(resource, moment) {
  return Math.floor((moment - Date.parse(resource.grid.origin)) / stepOf(resource));
}

/** @param {[string, string]} range @returns {{start: number, end: number}} its steps, `end` excluded */
export function stepsIn(resource, [start, end]) {
  return { start: indexAt(resource, Date.parse(start)), end: indexAt(resource, Date.parse(end)) };
}

/** @returns {[string, string]} as a hold by range is asked for */
export function rangeOf(resource, { start, end }) {
  return [start, end].map((index) => new Date(startOf(resource, index)).toISOString());
}

/** @returns {number} minor units that an hour costs at step `index`: by the first rate that fits, else as usual */
export function hourlyAt(resource, index) {
  const { grid, time_zone: zone } = resource;
  const { minute, weekday } = clockAt(startOf(resource, index), zone);
  const fits = ({ start, end, weekdays }) => minutesOf(start) <= minute && minute < minutesOf(end) && (!weekdays?.length || weekdays.includes(weekday));
  return (grid.rates.find(fits) ?? grid).price_per_hour.amount;
}

/** @returns {{amount: number, currency: string}} what steps from `start` to `end` (excluded) cost, rounded once and half up as the server does */
export function priceOf(resource, { start, end }) {
  let sixtieths = 0;
  for (let index = start; index < end; index += 1) sixtieths += hourlyAt(resource, index) * resource.grid.step_minutes;
  return { amount: Math.floor((sixtieths * 2 + 60) / 120), currency: resource.currency };
}

/** @param {string} clock such as `07:30` or `24:00` @returns {number} minutes since midnight */
export function minutesOf(clock) {
  const [hours, minutes] = clock.split(":");
  return Number(hours) * 60 + Number(minutes);
}

/** @returns {string} such as `Sat 21 Nov, 09:00–17:00`; both days where it ends on another */
export function rangeWords([start, end], zone) {
  const sameDay = dayAt(Date.parse(start), zone) === dayAt(Date.parse(end) - 1, zone);
  const until = sameDay ? formatTime(end, zone) : `${formatWeekday(end, zone)}, ${formatTime(end, zone)}`;
  return `${formatWeekday(start, zone)}, ${formatTime(start, zone)}${sameDay ? "–" : " – "}${until}`;
}

/** @returns {string} such as `from 09:00 to 11:00 on Saturday, 21 November`, for who hears it */
export function rangeAloud([start, end], zone) {
  const sameDay = dayAt(Date.parse(start), zone) === dayAt(Date.parse(end) - 1, zone);
  const until = sameDay ? formatTime(end, zone) : `${formatTime(end, zone)} on ${formatDay(end, zone)}`;
  return `from ${formatTime(start, zone)} on ${formatDay(start, zone)} to ${until}`;
}

/** @param {number} minutes @returns {string} such as `30 min`, `2 h`, `1 h 30 min`, `2 days` */
export function lengthWords(minutes) {
  if (minutes >= 2880 && minutes % 1440 === 0) return `${minutes / 1440} days`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours > 0 && `${hours} h`, (rest > 0 || hours === 0) && `${rest} min`].filter(Boolean).join(" ");
}

/** @returns {string} such as `€2.50 an hour`, or `from €2.00 an hour` where rates differ */
export function hourlyWords({ grid, currency }) {
  const prices = [grid, ...grid.rates].map(({ price_per_hour: price }) => price.amount);
  const least = formatMoney({ amount: Math.min(...prices), currency });
  return `${new Set(prices).size > 1 ? "from " : ""}${least} an hour`;
}

/**
 * What steps are to this buyer: `mine` what they hold or pay, `waiting` what they have asked for, `kept` what stays free after theirs.
 * @param {[string, string][]} ranges @param {[string, string][]} wishes @returns {Map<number, "mine" | "waiting" | "kept">} by index
 */
export function marksOf(resource, ranges, wishes) {
  const marks = new Map();
  const buffer = Math.ceil(resource.grid.buffer_minutes / resource.grid.step_minutes);
  const mark = (range, word, after) => {
    const { start, end } = stepsIn(resource, range);
    for (let index = start; index < end; index += 1) marks.set(index, word);
    for (let index = end; index < end + after; index += 1) if (!marks.has(index)) marks.set(index, "kept");
  };
  for (const range of wishes) mark(range, "waiting", 0);
  for (const range of ranges) mark(range, "mine", buffer);
  return marks;
}
