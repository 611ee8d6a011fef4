import assert from "node:assert/strict";
import { test } from "node:test";

import { momentAt, daysLater, dayAt } from "../../static/client/days.js";
import { hourlyAt, hourlyWords, indexAt, lengthWords, marksOf, priceOf, rangeOf, rangeWords, startOf, stepsIn } from "../../static/client/grid.js";
import { byDay, dayBoard, oddMinutes, oddWords, openPart, stepsOf, weekBoard } from "../../static/elements/time-grid/board.js";
import { Look, lookOf, shortWordsOf, wordsOf } from "../../static/elements/time-grid/looks.js";
import { moveBy } from "../../static/elements/time-grid/moves.js";
import { Selection } from "../../static/elements/time-grid/selection.js";

const MINUTE = 60_000;
const EUR = (amount) => ({ amount, currency: "eur" });

/** A place that is open all the time, or from `opens` to `closes` (hours of the wall). */
function place(zone, length = 15, more = {}) {
  const origin = new Date(momentAt("2026-01-01", 0, zone)).toISOString();
  return { id: "drive", time_zone: zone, currency: "eur", grid: { step_minutes: length, origin, price_per_hour: EUR(240), rates: [], buffer_minutes: 30, ...more } };
}

function slotsOf(resource, from, count, [opens, closes] = [0, 24]) {
  const { time_zone: zone } = resource;
  const slots = [];
  const end = indexAt(resource, momentAt(daysLater(from, count), 0, zone));
  for (let index = indexAt(resource, momentAt(from, 0, zone)); index < end; index += 1) {
    const start = startOf(resource, index);
    const day = dayAt(start, zone);
    if (day < from) continue;
    const hour = (start - momentAt(day, 0, zone)) / (60 * MINUTE);
    slots.push({ index, section: day, starts_at: new Date(start).toISOString(), blocked: hour < opens || hour >= closes });
  }
  return slots;
}

const boardOf = (resource, day) => dayBoard(stepsOf(slotsOf(resource, day, 1), resource.time_zone), resource.grid.step_minutes);
const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
const names = (row) => row.cells.map((step) => (step ? clock(step.minute) : "–"));

test("a day is hours, an hour its steps", () => {
  const rows = boardOf(place("Europe/Berlin"), "2026-11-21");
  assert.equal(rows.length, 24);
  assert.deepEqual(names(rows[9]), ["09:00", "09:15", "09:30", "09:45"]);
  assert.ok(rows.every(({ again, skipped }) => !again && !skipped));
});

test("a day of 23 hours leaves one out, one of 25 has one twice, and says so", () => {
  const berlin = place("Europe/Berlin");
  const spring = boardOf(berlin, "2026-03-29");
  assert.equal(spring.length, 23);
  assert.deepEqual(spring.map(({ minute }) => minute / 60).slice(0, 4), [0, 1, 3, 4]);
  assert.deepEqual(spring.filter(({ skipped }) => skipped).map(({ minute }) => minute), [180]);
  const autumn = boardOf(berlin, "2026-10-25");
  assert.equal(autumn.length, 25);
  assert.deepEqual(autumn.slice(1, 5).map(({ minute, again }) => [minute / 60, again]), [[1, false], [2, false], [2, true], [3, false]]);
  const odd = (day) => oddWords(oddMinutes(stepsOf(slotsOf(berlin, day, 1), berlin.time_zone), 15));
  assert.equal(odd("2026-10-25"), "Clocks go back: this day has 25 hours.");
  assert.equal(odd("2026-03-29"), "Clocks go forward: this day has 23 hours.");
  assert.equal(odd("2026-03-30"), "");
});

test("where clocks are set by half an hour, half an hour is left out or there twice", () => {
  const island = place("Australia/Lord_Howe");
  const spring = boardOf(island, "2026-10-04");
  assert.deepEqual(names(spring[2]), ["–", "–", "02:30", "02:45"]);
  assert.ok(spring[2].skipped);
  const autumn = boardOf(island, "2026-04-05");
  assert.deepEqual(autumn.slice(0, 4).map(names), [
    ["00:00", "00:15", "00:30", "00:45"],
    ["01:00", "01:15", "01:30", "01:45"],
    ["–", "–", "01:30", "01:45"],
    ["02:00", "02:15", "02:30", "02:45"],
  ]);
  assert.ok(autumn[2].again);
  const standard = new Date(momentAt("2026-06-01", 0, "Australia/Lord_Howe")).toISOString();
  const hourly = boardOf(place("Australia/Lord_Howe", 60, { origin: standard }), "2026-12-01");
  assert.deepEqual(hourly.slice(0, 2).map(names), [["00:30"], ["01:30"]], "whole hours of standard time");
});

test("a week has one axis: times that a day leaves out or shows twice are empty in the others", () => {
  const berlin = place("Europe/Berlin", 60);
  const rows = (from) => weekBoard([...byDay(stepsOf(slotsOf(berlin, from, 3), berlin.time_zone)).values()]);
  for (const from of ["2026-10-23", "2026-10-24", "2026-10-25"]) {
    const autumn = rows(from);
    assert.deepEqual(autumn.slice(1, 5).map(({ minute, again }) => [minute / 60, again]), [[1, false], [2, false], [2, true], [3, false]], from);
    assert.equal(autumn.length, 25);
    assert.equal(autumn[3].cells.filter(Boolean).length, 1);
  }
  for (const from of ["2026-03-27", "2026-03-28", "2026-03-29"]) {
    const spring = rows(from);
    assert.deepEqual(spring.map(({ minute }) => minute / 60), Array.from({ length: 24 }, (_, hour) => hour), from);
    assert.equal(spring[2].cells.filter((cell) => cell === null).length, 1);
  }
});

test("what is closed on all days stands neither above nor below", () => {
  const berlin = place("Europe/Berlin", 60);
  const steps = stepsOf(slotsOf(berlin, "2026-11-21", 2, [7, 22]), berlin.time_zone);
  const rows = openPart(weekBoard([...byDay(steps).values()]));
  assert.deepEqual([rows[0].minute / 60, rows.at(-1).minute / 60], [7, 21]);
  assert.deepEqual(openPart(dayBoard(steps.map((step) => ({ ...step, closed: true })), 60)), []);
});

test("each state of a step has its look and words of its own", () => {
  const step = { start: 1000, closed: false };
  const look = (facts, of = step) => lookOf(of, { numbers: { available: 0, held: 0 }, now: 0, ...facts });
  assert.equal(look({ numbers: { available: 1, held: 0 } }), Look.FREE);
  assert.equal(look({ numbers: { available: 1, held: 0 }, notice: 2000 }), Look.SOON);
  assert.equal(look({ numbers: { available: 0, held: 1 } }), Look.HELD);
  assert.equal(look({}), Look.TAKEN);
  assert.equal(look({ now: 1000 }), Look.PAST);
  assert.equal(look({ now: 1000, mine: "mine" }), Look.MINE, "also when it has begun");
  assert.equal(look({ mine: "waiting", numbers: { available: 1, held: 0 } }), Look.WAITING);
  assert.equal(look({ mine: "kept", numbers: { available: 0, held: 1 } }), Look.KEPT);
  assert.equal(look({ mine: "kept", numbers: { available: 1, held: 1 } }), Look.FREE, "of several places another is free");
  assert.equal(look({ numbers: null }), Look.UNKNOWN);
  assert.equal(look({ numbers: null }, { start: 1000, closed: true }), Look.CLOSED);
  assert.equal(new Set(Object.values(Look).map(wordsOf)).size, Object.keys(Look).length);
  assert.ok(Object.values(Look).every((each) => shortWordsOf(each).length <= 8));
});

const free = (...taken) => (index) => index >= 0 && index < 40 && !taken.includes(index);
const chosen = ({ start, end, note }) => [start, end, note];

test("a tap begins, the next one ends, a third begins anew", () => {
  const selection = new Selection({ isFree: free() });
  assert.ok(selection.tap(4));
  assert.deepEqual(chosen(selection), [4, 5, ""]);
  selection.tap(7);
  assert.deepEqual(chosen(selection), [4, 8, ""]);
  selection.tap(9);
  assert.deepEqual(chosen(selection), [9, 10, ""]);
  selection.tap(2);
  assert.deepEqual(chosen(selection), [2, 3, ""], "before the beginning: another beginning");
});

test("a range ends before what is not free, and what is not free begins none", () => {
  const selection = new Selection({ isFree: free(6) });
  selection.tap(4);
  selection.tap(9);
  assert.deepEqual(chosen(selection), [4, 6, "blocked"]);
  assert.ok(!selection.tap(6));
  assert.deepEqual(chosen(selection), [null, null, ""]);
});

test("the shortest length is chosen at once, the longest is not exceeded", () => {
  const selection = new Selection({ isFree: free(20), least: 4, most: 8 });
  selection.tap(4);
  assert.deepEqual(chosen(selection), [4, 8, ""]);
  selection.tap(5);
  assert.deepEqual(chosen(selection), [4, 8, ""]);
  selection.set(4, 19);
  assert.deepEqual(chosen(selection), [4, 12, "long"]);
  assert.ok(selection.tap(18));
  assert.deepEqual(chosen(selection), [null, null, "short"], "there is not enough before what is taken");
});

test("a range leaves as much before the next one as is kept free after it", () => {
  const taken = [10, 11, 30];
  const selection = new Selection({ isFree: free(...taken), blocks: (index) => taken.includes(index), after: 2 });
  selection.set(4, 10);
  assert.deepEqual(chosen(selection), [4, 8, "blocked"]);
  selection.set(4, 8);
  assert.deepEqual(chosen(selection), [4, 8, ""]);
  selection.tap(9);
  assert.deepEqual(chosen(selection), [null, null, "short"]);
  selection.stretch(14, 34);
  assert.deepEqual(chosen(selection), [14, 28, "blocked"]);
});

test("dragging and Shift go both ways from where they began", () => {
  const selection = new Selection({ isFree: free(3, 12) });
  selection.stretch(8, 10);
  assert.deepEqual(chosen(selection), [8, 11, ""]);
  selection.stretch(8, 5);
  assert.deepEqual(chosen(selection), [5, 9, ""]);
  selection.stretch(8, 1);
  assert.deepEqual(chosen(selection), [4, 9, "blocked"]);
  selection.stretch(8, 30);
  assert.deepEqual(chosen(selection), [8, 12, "blocked"]);
  assert.ok(!selection.stretch(3, 5));
});

test("what somebody else takes is taken out of what is chosen", () => {
  const taken = [];
  const selection = new Selection({ isFree: (index) => free(...taken)(index) });
  selection.set(4, 10);
  assert.ok(!selection.review());
  taken.push(7);
  assert.ok(selection.review());
  assert.deepEqual(chosen(selection), [4, 7, "taken"]);
  taken.push(4);
  assert.ok(selection.review());
  assert.deepEqual(chosen(selection), [null, null, "taken"]);
});

test("steps, moments and prices are the server's", () => {
  const drive = place("Europe/Berlin", 15, {
    price_per_hour: EUR(333),
    rates: [{ start: "18:00", end: "24:00", price_per_hour: EUR(101), weekdays: ["sat"] }, { start: "18:00", end: "20:00", price_per_hour: EUR(400), weekdays: [] }],
  });
  const range = ["2026-11-21T08:00:00.000Z", "2026-11-21T09:30:00.000Z"];
  const steps = stepsIn(drive, range);
  assert.equal(steps.end - steps.start, 6);
  assert.deepEqual(rangeOf(drive, steps), range);
  assert.deepEqual(priceOf(drive, steps), EUR(500), "499.5 is rounded half up");
  assert.equal(hourlyAt(drive, indexAt(drive, Date.parse("2026-11-21T17:00:00Z"))), 101, "the first rate that fits");
  assert.equal(hourlyAt(drive, indexAt(drive, Date.parse("2026-11-20T17:00:00Z"))), 400);
  assert.equal(hourlyAt(drive, indexAt(drive, Date.parse("2026-11-20T19:00:00Z"))), 333);
  assert.equal(hourlyWords({ ...drive, currency: "eur" }), "from €1.01 an hour");
  assert.match(rangeWords(range, "Europe/Berlin"), /21.*09:00.*–.*10:30/);
  assert.match(rangeWords([range[0], "2026-11-22T08:00:00Z"], "Europe/Berlin"), /21.* – .*22/);
  assert.deepEqual([15, 60, 90, 1440, 2880].map(lengthWords), ["15 min", "1 h", "1 h 30 min", "24 h", "2 days"]);
});

test("what is one's own is marked, with what is kept free after it", () => {
  const drive = place("Europe/Berlin");
  const [mine, wish] = [["2026-11-21T08:00:00.000Z", "2026-11-21T08:30:00.000Z"], ["2026-11-21T08:45:00.000Z", "2026-11-21T09:00:00.000Z"]];
  const { start } = stepsIn(drive, mine);
  const marks = marksOf(drive, [mine], [wish]);
  assert.deepEqual([-1, 0, 1, 2, 3, 4].map((after) => marks.get(start + after) ?? null), [null, "mine", "mine", "kept", "waiting", null]);
});

test("arrow keys follow the board, and lead to other days at its edges", () => {
  const berlin = place("Europe/Berlin");
  const rows = boardOf(berlin, "2026-11-21");
  const first = rows[0].cells[0].index;
  const day = (key, after) => {
    const to = moveBy(key, first + after, rows, false);
    return typeof to === "number" ? to - first : to;
  };
  assert.deepEqual(["ArrowRight", "ArrowDown", "End", "Home", "PageDown", "a"].map((key) => day(key, 3)), [4, 7, 95, 0, "after", null]);
  assert.deepEqual([day("ArrowLeft", 0), day("ArrowUp", 2), day("ArrowRight", 95), day("ArrowDown", 92)], ["before", "before", "after", "after"]);
  const steps = stepsOf(slotsOf(berlin, "2026-10-24", 3), berlin.time_zone);
  const week = weekBoard([...byDay(steps).values()]);
  const go = (key, after) => {
    const to = moveBy(key, steps[0].index + after, week, true);
    return typeof to === "number" ? to - steps[0].index : to;
  };
  assert.deepEqual([go("ArrowDown", 0), go("ArrowRight", 0), go("ArrowUp", 0), go("ArrowLeft", 0), go("End", 0)], [1, 96, 0, "before", 95]);
  assert.equal(go("ArrowRight", 96 + 12), "after", "02:00 for the second time is on this day alone");
  assert.equal(go("ArrowDown", 11), 12, "past what only another day has");
  assert.equal(moveBy("ArrowDown", 1, rows, false), null, "from what is not shown nothing leads anywhere");
});
