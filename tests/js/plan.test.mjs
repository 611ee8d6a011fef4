import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { areasOf, cornersOf } from "../../static/elements/seat-map/areas.js";
import { Plan, placeOf, seatNumber } from "../../static/elements/seat-map/plan.js";
import { Viewport } from "../../static/elements/seat-map/viewport.js";

function seat(section, row, number, x, y, more = {}) {
  const label = `${row}-${number}`;
  return { id: `${section} ${label}`, label, section, row, x, y, category: "Stalls", price: { amount: 5000, currency: "eur" }, capacity: 1, ...more };
}

function block(section, rows, seats, left, top) {
  return rows.flatMap((row, down) => Array.from({ length: seats }, (_, along) => seat(section, row, along + 1, left + along * 20, top + down * 25)));
}

const HALL = { slots: block("Stalls", ["A", "B"], 5, 0, 0), categories: [{ name: "Stalls", colour: "#1d4ed8" }], plan: {} };

test("a seat is named by its section, row and number", () => {
  assert.equal(seatNumber("C-12"), "12");
  assert.equal(seatNumber("Box 3, chair 2"), "2");
  assert.equal(seatNumber("12a"), "12a");
  assert.equal(placeOf(HALL.slots[6]), "Stalls, row B, seat 2");
  assert.equal(placeOf({ label: "Bar", section: "", row: "" }), "Bar");
});

test("seats keep the distance of the nearest neighbours", () => {
  const plan = new Plan(HALL);
  assert.equal(plan.spacing, 20);
  assert.deepEqual(plan.sections.map(({ name, rows }) => [name, rows.length]), [["Stalls", 2]]);
  assert.deepEqual(plan.rows[0].runs, [[0, 1, 2, 3, 4]]);
});

test("an aisle parts a row into runs", () => {
  const slots = [seat("S", "A", 1, 0, 0), seat("S", "A", 2, 20, 0), seat("S", "A", 3, 80, 0), seat("S", "A", 4, 100, 0)];
  assert.deepEqual(new Plan({ slots }).rows[0].runs, [[0, 1], [2, 3]]);
});

test("a point finds its seat, and only near one", () => {
  const plan = new Plan(HALL);
  assert.equal(plan.seatAt(41, 1), 2);
  assert.equal(plan.seatAt(30, 12), -1);
  assert.equal(plan.seatAt(0, -15), -1);
  assert.equal(plan.seatAt(0, -15, 22), 0);
});

test("arrows move to the neighbour, and stay at the edge", () => {
  const plan = new Plan(HALL);
  assert.equal(plan.neighbour(0, 1, 0), 1);
  assert.equal(plan.neighbour(1, 0, 1), 6);
  assert.equal(plan.neighbour(6, 0, -1), 1);
  assert.equal(plan.neighbour(0, -1, 0), 0);
});

test("places without positions are laid out by their rows", () => {
  const slots = block("S", ["A", "B"], 3, 0, 0).map((slot) => ({ ...slot, x: null, y: null }));
  const plan = new Plan({ slots });
  assert.equal(new Set(slots.map((_, place) => `${plan.xs[place]} ${plan.ys[place]}`)).size, 6);
  assert.equal(plan.neighbour(0, 1, 0), 1);
});

test("storeys that are drawn over each other are laid below each other", () => {
  const slots = [...block("Ground", ["A", "B"], 5, 0, 0), ...block("First", ["A", "B"], 5, 1, 1)];
  const plan = new Plan({ slots });
  assert.equal(plan.spacing, 20);
  const lowest = Math.max(...plan.ys.slice(0, 10));
  assert.ok(Math.min(...plan.ys.slice(10)) >= lowest + 60);
});

test("the demo's own hall is drawn without a seat on another", async () => {
  const hall = JSON.parse(await readFile(new URL("../../server/embedded/demo/hall.seating-plan.json", import.meta.url), "utf8"));
  const slots = hall.zones.flatMap((zone) =>
    zone.rows.flatMap((row) =>
      row.seats.map((one) => seat(zone.name, row.row_number, one.seat_number, zone.position.x + row.position.x + one.position.x, zone.position.y + row.position.y + one.position.y)),
    ),
  );
  const plan = new Plan({ slots, plan: { areas: hall.zones.flatMap(({ areas = [] }) => areas) } });
  const nearest = slots.map((_, place) => plan.cells.nearestDistance(place, plan.spacing * 3));
  assert.ok(slots.length >= 700);
  assert.ok(Math.min(...nearest) > plan.spacing * 0.85);
  assert.ok(plan.bounds.left < Math.min(...plan.xs) && plan.bounds.bottom > Math.max(...plan.ys));
});

test("nothing to sell is an empty plan, not an error", () => {
  const plan = new Plan({ slots: [] });
  assert.equal(plan.seatAt(0, 0), -1);
  assert.deepEqual(plan.categories, []);
});

test("areas are read in the words of the plan, and turned as it says", () => {
  const [stage, pillar, words] = areasOf({
    areas: [
      { shape: "rectangle", position: { x: 10, y: 20 }, rotation: 90, rectangle: { width: 4, height: 2 }, text: { text: "Stage", size: 1, position: { x: 2, y: 1 } } },
      { shape: "circle", position: { x: 0, y: 0 }, circle: { radius: 3 } },
      { shape: "text", position: { x: 5, y: 5 }, text: { text: "Bar", size: 16, position: { x: 0, y: 0 } } },
    ],
  });
  assert.equal(stage.text.text, "Stage");
  const [, second] = cornersOf(stage);
  assert.ok(Math.abs(second[0] - 10) < 1e-9 && Math.abs(second[1] - 24) < 1e-9);
  assert.deepEqual([pillar.shape, pillar.rx], ["ellipse", 3]);
  assert.equal(words.shape, "none");
});

const BOUNDS = { left: 0, top: 0, right: 200, bottom: 100 };

function opened() {
  const view = new Viewport();
  view.frame(BOUNDS, 10);
  view.resize(400, 400);
  return view;
}

test("at first everything is seen, in the middle", () => {
  const view = opened();
  assert.equal(view.scale, 2);
  assert.deepEqual(view.toScreen(100, 50), { x: 200, y: 200 });
});

test("zooming keeps what is under the finger, and ends at its limits", () => {
  const view = opened();
  const before = view.toPlan(150, 180);
  view.zoom(1.5, 150, 180);
  const after = view.toPlan(150, 180);
  assert.ok(Math.abs(before.x - after.x) < 1e-9);
  view.zoom(1000);
  assert.equal(view.seat, 64);
  view.zoom(0.0001);
  assert.ok(view.fitted);
});

test("the plan can't be pushed out of sight", () => {
  const view = opened();
  view.zoom(3);
  view.pan(10_000, 10_000);
  assert.equal(view.toScreen(0, 0).x, 0);
  view.pan(-100_000, -100_000);
  assert.equal(view.toScreen(200, 100).x, 400);
});

test("what was fitted is fitted again when the window changes, what was zoomed keeps its middle", () => {
  const view = opened();
  view.resize(800, 400);
  assert.equal(view.scale, 4);
  view.zoom(2);
  const middle = view.toPlan(400, 200);
  view.resize(600, 300);
  assert.deepEqual(view.toPlan(300, 150), middle);
});
