/** What is looked for, as an address and in words. Pure. */

import { daysLater, isDay } from "../client/days.js";
import { lengthWords, minutesOf, rangeWords } from "../client/grid.js";

const CLOCK = /^([01]\d|2[0-3]):[0-5]\d$/;
const HOUR = 60;
const DAY = 1440;

/** @returns {string} such as `09:30` */
function clockOf(minute) {
  return [Math.floor(minute / HOUR) % 24, minute % HOUR].map((part) => String(part).padStart(2, "0")).join(":");
}

/**
 * What a page is asked for; what is missing or no time is the next full hour, for two hours.
 * @param {string} search @param {{day: string, minute: number}} now what clocks show the viewer
 * @returns {{text: string, day: string, from: string, to: string}}
 */
export function wishOf(search, { day: today, minute }) {
  const asked = new URLSearchParams(search);
  const [day, from, to] = ["day", "from", "to"].map((name) => asked.get(name) ?? "");
  const next = Math.ceil((minute + 1) / HOUR) * HOUR;
  const start = CLOCK.test(from) ? from : clockOf(next);
  const later = next >= DAY && !CLOCK.test(from) ? daysLater(today, 1) : today;
  return {
    text: (asked.get("q") ?? "").trim(),
    day: isDay(day) && day >= today ? day : later,
    from: start,
    to: CLOCK.test(to) ? to : clockOf(minutesOf(start) + 2 * HOUR),
  };
}

/** @returns {string} the address of a search */
export function addressOf({ text, day, from, to }) {
  return `?${new URLSearchParams({ ...(text && { q: text }), day, from, to })}`;
}

/** @returns {string | null} why that cannot be looked for */
export function troubleWith({ day, from, to }) {
  if (!isDay(day)) return "Choose a day.";
  if (![from, to].every((clock) => CLOCK.test(clock))) return "Choose from when until when.";
  return from === to ? "From and until are the same time." : null;
}

/** @returns {number} minutes; what ends when it begins or before ends on the next day */
export function lengthOf({ from, to }) {
  return (((minutesOf(to) - minutesOf(from)) % DAY) + DAY) % DAY;
}

/** @returns {string} such as `8 h`, or `9 h, until the next day` */
export function wishWords(wish) {
  return lengthWords(lengthOf(wish)) + (wish.to <= wish.from ? ", until the next day" : "");
}

/** @returns {string} how many were found */
export function foundWords(count) {
  if (count === 0) return "Nothing is free then.";
  return count === 1 ? "1 place is free" : `${count} places are free`;
}

/** @param {{id: string, range: [string, string]}} place @returns {string} its page's address, with the range chosen */
export function linkTo({ id, range: [start, end] }) {
  return `/resources/${encodeURIComponent(id)}?${new URLSearchParams({ start, end })}`;
}

/** @returns {string} when that is there */
export function whenWords({ range, time_zone: zone }) {
  return rangeWords(range, zone);
}
