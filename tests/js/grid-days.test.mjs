import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { daysFrom, daysLater, momentAt } from "../../static/client/days.js";
import { GridDays } from "../../static/client/grid-days.js";
import { settled } from "./world.mjs";

const ZONE = "Europe/Berlin";
let now;
let followed;
let asked;
let forgotten;

class FakeAvailability extends EventTarget {
  replica = { ready: true, place: (index) => index, at: () => ({ available: 1, held: 0 }) };
  closed = false;

  constructor(view) {
    super();
    this.view = view;
    followed.push(this);
  }

  close() {
    this.closed = true;
  }

  says(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

const holdfast = { clock: { now: () => now }, follow: (_, view) => new FakeAvailability(view) };

/** A place with one step a day, to keep it short. */
function placeOn(from, to) {
  const slots = [];
  for (let day = from; day <= to; day = daysLater(day, 1)) slots.push({ index: Date.parse(day) / 86_400_000, section: day });
  return { id: "yard", layout: 1, time_zone: ZONE, grid: { horizon_days: 10 }, slots };
}

const today = () => new Date(now + 3_600_000).toISOString().slice(0, 10);
const fetch = {
  resource: async () => {
    asked.push("unasked");
    return placeOn(today(), daysLater(today(), 6));
  },
  resourceOn: async (id, from, to) => {
    asked.push([id, from, to]);
    return placeOn(from, to);
  },
  forget: (id) => forgotten.push(id),
};

let days;

beforeEach(async () => {
  [now, followed, asked, forgotten] = [momentAt("2026-11-21", 720, ZONE), [], [], []];
  days = new GridDays(holdfast, placeOn("2026-11-21", "2026-11-27"), fetch);
  await days.open();
});

test("today and six days more are followed without a view", () => {
  assert.deepEqual(asked, ["unasked"]);
  assert.deepEqual(days.days, daysFrom("2026-11-21", 7));
  assert.equal(followed[0].view, undefined);
  assert.equal(days.last, "2026-12-01");
});

test("another week is read and followed by its days, and ends with the horizon", async () => {
  await days.open("2026-11-30");
  assert.deepEqual(asked[1], ["yard", "2026-11-28", "2026-12-01"]);
  assert.ok(followed[0].closed);
  assert.deepEqual(followed[1].view, { sections: daysFrom("2026-11-28", 4), indices: days.slots.map(({ index }) => index) });
  await days.open("2030-01-01");
  assert.deepEqual(days.days.at(-1), "2026-12-01", "no further");
});

test("of two that were asked for the later is shown, and what was followed before is heard no more", async () => {
  const told = [];
  days.addEventListener("change", ({ detail }) => told.push(detail.changed));
  await Promise.all([days.open("2026-11-30"), days.open("2026-11-22")]);
  assert.equal(days.days[0], "2026-11-21");
  assert.equal(followed.length, 2);
  followed[0].says("change", { changed: [1] });
  followed[1].says("change", { changed: [2] });
  assert.deepEqual(told, [[2]]);
});

test("at midnight there the days are read anew", async () => {
  now = momentAt("2026-11-22", 1, ZONE);
  followed[0].says("change", { changed: null });
  await settled();
  assert.deepEqual(forgotten, ["yard"]);
  assert.deepEqual(days.days, daysFrom("2026-11-22", 7));
  assert.equal(days.today, "2026-11-22");
});

test("a week that cannot be read leaves what is shown", async () => {
  const refuses = { ...fetch, resourceOn: async () => Promise.reject(new Error("offline")) };
  days = new GridDays(holdfast, placeOn("2026-11-21", "2026-11-27"), refuses);
  await days.open();
  await assert.rejects(days.open("2026-11-29"), { message: "offline" });
  assert.equal(days.days[0], "2026-11-21");
  assert.ok(!followed.at(-1).closed);
});
