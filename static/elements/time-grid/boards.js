/** Draws a board: one day as a table of hours, or several days beside each other. */

import { make } from "../make.js";
import { byDay, dayBoard, openPart, weekBoard } from "./board.js";
import { clockWords, dayWords } from "./words.js";

/** From this length on (in minutes) an hour of the week's board is as high as this many pixels; shorter steps make it higher. */
const HOUR_HEIGHT = 56;
const LEAST_HEIGHT = 11;

/** @returns {{rows: object[], element: HTMLElement}} of one day; without rows it is closed all day */
export function drawDay(steps, length, cells) {
  const rows = openPart(dayBoard(steps, length));
  const element = make("div.board.day", {}, ...rows.map((row) => dayRow(row, cells)));
  element.style.setProperty("--columns", String(60 / length));
  return { rows, element };
}

function dayRow({ minute, again, skipped, cells: steps }, cells) {
  const head = make("div.hour", { role: "rowheader" }, clockWords(minute), (skipped || again) && make("span.set", {}, again ? " again: clocks went back" : " clocks went forward"));
  return make("div.row", { role: "row" }, head, ...steps.map((step) => cells.make(step)));
}

/** @returns {{rows: object[], element: HTMLElement}} of several days; hour by hour they have their names at the side */
export function drawWeek(steps, days, length, cells) {
  const known = byDay(steps);
  const rows = openPart(weekBoard(days.map((day) => known.get(day) ?? [])));
  const heads = days.map((day) => make("div", { role: "columnheader" }, dayWords(day).join(" ")));
  const head = make("div.row.hush", { role: "row" }, make("div", { role: "columnheader" }, "Time"), ...heads);
  const element = make("div.board.week", {}, head, ...rows.map((row) => weekRow(row, cells)));
  element.style.setProperty("--columns", String(days.length));
  element.style.setProperty("--height", `${Math.max(LEAST_HEIGHT, (HOUR_HEIGHT * length) / 60)}px`);
  return { rows, element };
}

function weekRow({ minute, again, cells: steps }, cells) {
  const whole = minute % 60 === 0;
  const time = make(whole ? "span" : "span.hush", {}, clockWords(minute), again && make("span.set", {}, " again"));
  const head = make("div.hour", { role: "rowheader" }, time);
  return make("div.row", { role: "row", "data-whole": whole ? "" : null }, head, ...steps.map((step) => cells.make(step)));
}
