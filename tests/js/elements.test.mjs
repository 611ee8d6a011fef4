import assert from "node:assert/strict";
import { test } from "node:test";

import { clockFace, urgency, warning } from "../../static/elements/countdown.js";
import { freshness, inWords } from "../../static/elements/freshness.js";
import { Announcer } from "../../static/elements/seat-map/announcer.js";
import { Cells } from "../../static/elements/seat-map/cells.js";
import { contrast, inkOn, legible, parse } from "../../static/elements/seat-map/colour.js";
import { Look, canChoose, lookOf, wordsOf } from "../../static/elements/seat-map/looks.js";
import { hasBegun, mostOf, stockOf } from "../../static/elements/stock.js";
import { chance } from "./chance.mjs";

test("the countdown warns once at two minutes, at thirty seconds and at the end", () => {
  assert.equal(clockFace(845_000), "14:05");
  assert.equal(clockFace(3_720_000), "1:02:00");
  assert.equal(clockFace(0), "0:00");
  const said = [];
  let before = "calm";
  for (let left = 180_000; left >= 0; left -= 1000) {
    const now = urgency(left);
    const words = warning(before, now);
    if (words) said.push([left, words]);
    before = now;
  }
  assert.deepEqual(said.map(([left]) => left), [120_000, 30_000, 0]);
});

test("what is shown says how true it is", () => {
  assert.deepEqual(freshness({ state: "live", age: 3000, stale: false }), { level: "live", text: "Live" });
  assert.equal(freshness({ state: "live", age: 12_000, stale: true }).level, "stale");
  assert.match(freshness({ state: "reconnecting", age: 12_000, stale: false }).text, /as of 12 seconds ago/);
  assert.match(freshness({ state: "offline", age: null, stale: false }).text, /^You are offline$/);
  assert.equal(freshness({ state: "stopped", age: 1, stale: false }).level, "off");
  assert.equal(inWords(1000), "1 second");
  assert.equal(inWords(200_000), "3 minutes");
  assert.equal(inWords(7_200_000), "2 hours");
});

test("how a seat stands: one's own comes first, then the numbers", () => {
  assert.equal(lookOf({ available: 1, held: 0 }, 0, false), Look.AVAILABLE);
  assert.equal(lookOf({ available: 0, held: 1 }, 0, false), Look.HELD);
  assert.equal(lookOf({ available: 0, held: 1 }, 1, false), Look.MINE);
  assert.equal(lookOf({ available: 0, held: 0 }, 0, false), Look.SOLD);
  assert.equal(lookOf({ available: 1, held: 0 }, 1, true), Look.WAITING);
  assert.equal(lookOf(null, 0, false), Look.UNKNOWN);
  assert.deepEqual(Object.values(Look).filter(canChoose), [Look.AVAILABLE, Look.MINE]);
  assert.equal(new Set(Object.values(Look).map(wordsOf)).size, Object.keys(Look).length, "each in words of its own");
});

test("owners' colours are moved until they stand out, and no further", () => {
  assert.equal(legible("#1d4ed8", "#ffffff", 3), "#1d4ed8");
  for (const colour of ["#ffff00", "#CBEEB3", "#fff", "red", "", undefined]) {
    for (const background of ["#fbfaf7", "#191c21"]) {
      const moved = legible(colour, background, 3);
      assert.ok(contrast(parse(moved), parse(background)) >= 3, `${colour} on ${background}`);
      const ink = inkOn(moved);
      assert.ok(contrast(parse(moved), parse(ink)) >= 4.5, `${ink} on ${moved}`);
    }
  }
});

test("the nearest point is found as by looking at all of them", () => {
  const random = chance(5);
  const xs = Float64Array.from({ length: 300 }, () => random() * 100 - 50);
  const ys = Float64Array.from({ length: 300 }, () => random() * 100 - 50);
  const cells = new Cells(xs, ys, 7);
  for (let trial = 0; trial < 200; trial += 1) {
    const [x, y] = [random() * 120 - 60, random() * 120 - 60];
    const distances = Array.from(xs, (_, point) => Math.sqrt((xs[point] - x) ** 2 + (ys[point] - y) ** 2));
    const least = Math.min(...distances);
    const found = cells.nearest(x, y, 10);
    assert.equal(found < 0, least > 10);
    if (found >= 0) assert.equal(distances[found], least);
  }
});

test("announcements come one at a time, of each topic the newest", () => {
  const said = [];
  let next = null;
  const announcer = new Announcer((text) => said.push(text), {
    setTimeout: (task) => {
      next = task;
      return 1;
    },
  });
  announcer.announce("seat", "one");
  announcer.announce("seat", "two");
  announcer.announce("others", "three");
  announcer.announce("seat", "four");
  assert.deepEqual(said, ["one"]);
  next();
  next();
  next();
  assert.deepEqual(said, ["one", "three", "four"]);
});

test("what is left of a start time, in words", () => {
  const slot = { capacity: 10 };
  assert.equal(stockOf(slot, { available: 8, held: 0 }, 0, false).text, "8 left");
  assert.equal(stockOf(slot, { available: 2, held: 0 }, 0, false).text, "Only 2 left");
  assert.equal(stockOf(slot, { available: 0, held: 3 }, 0, false).text, "All being bought");
  assert.equal(stockOf(slot, { available: 0, held: 0 }, 0, false).text, "Sold out");
  assert.equal(stockOf(slot, { available: 5, held: 2 }, 2, false).text, "2 held for you");
  assert.ok(!stockOf(slot, { available: 5, held: 2 }, 2, false).canTake);
  assert.ok(!stockOf(slot, null, 0, false).canTake);
  assert.ok(!stockOf(slot, { available: 5, held: 0 }, 0, false, true).canTake, "it has begun");
  assert.ok(hasBegun({ starts_at: "2026-11-21T10:00:00.000Z" }, Date.UTC(2026, 10, 21, 10)));
  assert.ok(!hasBegun({ starts_at: null }, Date.now()));
  assert.equal(mostOf(40), 10);
});
