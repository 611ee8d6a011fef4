import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { daysFrom, daysLater, momentAt } from "../../static/client/days.js";
import { GridDays } from "../../static/client/grid-days.js";
import { Refusal } from "../../static/client/refusal.js";
import { FakeWorld } from "./world.mjs";

const ZONE = "Europe/Berlin";
let now;
let followed;
let asked;
let forgotten;
let world;
let layout;
let refusal;
let kept;

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
  return { id: "yard", layout, time_zone: ZONE, grid: { horizon_days: 10 }, slots };
}

const today = () => new Date(now + 3_600_000).toISOString().slice(0, 10);
const fetch = {
  resource: async () => {
    asked.push("unasked");
    if (refusal) throw refusal;
    kept ??= placeOn(today(), daysLater(today(), 6));
    return kept;
  },
  resourceOn: async (id, from, to) => {
    asked.push([id, from, to]);
    if (refusal) throw refusal;
    return placeOn(from, to);
  },
  forget: (id) => {
    forgotten.push(id);
    kept = null;
  },
};

let days;

beforeEach(async () => {
  [now, followed, asked, forgotten] = [momentAt("2026-11-21", 720, ZONE), [], [], []];
  [world, layout, refusal, kept] = [new FakeWorld(), 1, null, null];
  days = new GridDays(holdfast, placeOn("2026-11-21", "2026-11-27"), fetch, { random: world.random, later: world.setTimeout });
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
  assert.deepEqual(forgotten, ["yard"], "what was read before is of no use at once");
  await world.pass(2000);
  assert.deepEqual(days.days, daysFrom("2026-11-22", 7));
  assert.equal(days.today, "2026-11-22");
});

/** @returns {string[]} what `days` tell from now on */
function listen() {
  const told = [];
  for (const name of ["days", "refused"]) days.addEventListener(name, () => told.push(name));
  return told;
}

test("days that could not be read at midnight are read later, and what is shown is followed meanwhile", async () => {
  const told = listen();
  const changes = [];
  days.addEventListener("change", ({ detail }) => changes.push(detail.changed));
  now = momentAt("2026-11-22", 1, ZONE);
  refusal = new Refusal({ code: "unavailable", retry: "later" });
  followed[0].says("change", { changed: null });
  await world.pass(60_000);
  followed[0].says("change", { changed: [7] });
  assert.deepEqual([told, changes, days.days[0]], [[], [null, [7]], "2026-11-21"]);
  now = momentAt("2026-11-23", 1, ZONE);
  refusal = null;
  await world.pass(60_000);
  assert.deepEqual([told, days.days, days.today], [["days"], daysFrom("2026-11-23", 7), "2026-11-23"]);
});

test("of days that are there no more it is told", async () => {
  const told = listen();
  refusal = new Refusal({ code: "unknown_resource" });
  followed[0].says("layout", 2);
  await world.pass(60_000);
  assert.deepEqual([told, asked.length], [["refused"], 2]);
});

for (const week of ["2026-11-21", "2026-11-28"]) {
  test(`another layout is shown when the days have been read in it: the week of ${week}`, async () => {
    await days.open(week);
    const told = listen();
    const { length } = followed;
    followed.at(-1).says("layout", 2);
    followed.at(-1).says("layout", 3);
    layout = 2;
    await world.pass(10_000);
    assert.deepEqual([told, followed.length], [[], length], "another process still answers with the one before");
    layout = 3;
    await world.pass(20_000);
    assert.deepEqual([told, days.resource.layout, days.days[0]], [["days"], 3, week]);
  });
}

test("who leafs while days are to be read anew keeps what was asked for, and who leafs in vain gets what is new", async () => {
  refusal = new Refusal({ code: "offline", retry: "later" });
  followed[0].says("layout", 2);
  await assert.rejects(days.open("2026-11-28"), refusal);
  [refusal, layout] = [null, 2];
  await world.pass(2000);
  assert.deepEqual([days.resource.layout, days.days[0]], [2, "2026-11-21"]);
  followed.at(-1).says("layout", 3);
  layout = 3;
  await days.open("2026-11-28");
  await world.pass(60_000);
  assert.deepEqual([days.days[0], followed.length], ["2026-11-28", 3]);
});

test("days that are closed are not read any more", async () => {
  followed[0].says("layout", 2);
  days.close();
  await world.pass(60_000);
  assert.equal(asked.length, 1);
});

test("a week that cannot be read leaves what is shown", async () => {
  const refuses = { ...fetch, resourceOn: async () => Promise.reject(new Error("offline")) };
  days = new GridDays(holdfast, placeOn("2026-11-21", "2026-11-27"), refuses);
  await days.open();
  await assert.rejects(days.open("2026-11-29"), { message: "offline" });
  assert.equal(days.days[0], "2026-11-21");
  assert.ok(!followed.at(-1).closed);
});
