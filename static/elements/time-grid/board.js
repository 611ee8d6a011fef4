/**
 * Where steps stand: hours as rows of a day's board, wall clocks as rows of a week's. Days are drawn as long as they are: what
 * clocks skip has no step, what they show twice has two. Pure.
 *
 * A step here is `{index, start, day, minute, closed}`: its start in milliseconds, and what clocks there show.
 */

import { clockAt } from "../../client/days.js";

const HOUR = 60;

/** @param {object[]} slots of `GET /api/resources/{id}` @param {string} zone @returns {object[]} steps */
export function stepsOf(slots, zone) {
  return slots.map((slot) => {
    const start = Date.parse(slot.starts_at);
    return { index: slot.index, start, day: slot.section, minute: clockAt(start, zone).minute, closed: Boolean(slot.blocked) };
  });
}

/** @returns {Map<string, object[]>} steps by their day */
export function byDay(steps) {
  const days = new Map();
  for (const step of steps) {
    if (!days.has(step.day)) days.set(step.day, []);
    days.get(step.day).push(step);
  }
  return days;
}

/**
 * One day as rows of an hour each.
 * @param {object[]} steps of the day @param {number} length of a step in minutes
 * @returns {{minute: number, again: boolean, skipped: boolean, cells: (object | null)[]}[]} `again`: clocks show this hour for the
 *   second time; `skipped`: they left out what would stand before one of its steps; null where clocks show no such time
 */
export function dayBoard(steps, length) {
  const rows = [];
  let latest = -length;
  for (const step of steps) {
    const minute = step.minute - (step.minute % HOUR);
    const again = step.minute <= latest;
    const row = rows.at(-1);
    if (row?.minute !== minute || row.again !== again) rows.push({ minute, again, skipped: false, cells: Array(HOUR / length).fill(null) });
    rows.at(-1).cells[Math.floor((step.minute % HOUR) / length)] = step;
    rows.at(-1).skipped ||= step.minute > latest + length;
    latest = Math.max(latest, step.minute);
  }
  return rows;
}

/**
 * Several days beside each other, on one axis of wall clocks. A time that one day shows twice has two rows; in the other days the
 * second is empty.
 * @param {object[][]} days steps of each @returns {{minute: number, again: boolean, cells: (object | null)[]}[]}
 */
export function weekBoard(days) {
  const rows = [];
  days.forEach((steps, column) => {
    let place = -1;
    let latest = -1;
    for (const step of steps) {
      place = placeOf(rows, step.minute, step.minute <= latest, place);
      rows[place].cells[column] = step;
      latest = Math.max(latest, step.minute);
    }
  });
  for (const row of rows) row.cells = days.map((_, column) => row.cells[column] ?? null);
  return rows;
}

/** @returns {number} where the row of this time is, or now is: after what comes before it */
function placeOf(rows, minute, again, after) {
  const found = rows.findIndex((row) => row.minute === minute && row.again === again);
  if (found >= 0) return found;
  rows.splice(after + 1, 0, { minute, again, cells: [] });
  return after + 1;
}

/** @returns {{minute: number, again: boolean, cells: object[]}[]} without what is closed on all days before the first opening and after the last closing */
export function openPart(rows) {
  const isOpen = ({ cells }) => cells.some((step) => step && !step.closed);
  const first = rows.findIndex(isOpen);
  return first < 0 ? [] : rows.slice(first, rows.findLastIndex(isOpen) + 1);
}

/** @param {object[]} steps of a day @param {number} length in minutes @returns {number} minutes by which the day is longer (or shorter) than 24 hours */
export function oddMinutes(steps, length) {
  return steps.length * length - 24 * HOUR;
}

/** @returns {string} empty on days of 24 hours; else such as `Clocks go back: this day has 25 hours.` */
export function oddWords(odd) {
  if (odd === 0) return "";
  const length = (24 * HOUR + odd) / HOUR;
  return `Clocks go ${odd > 0 ? "back" : "forward"}: this day has ${Number.isInteger(length) ? length : length.toFixed(1)} hours.`;
}
