import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Plan } from "../../static/elements/seat-map/plan.js";
import { Sight, partInSight } from "../../static/elements/seat-map/sight.js";
import { Viewport } from "../../static/elements/seat-map/viewport.js";

const BLOCKS = 10;
const SIDE = 26;

/** Blocks in a line, each of 26 rows of 26 seats, with room between them; indices count from 100. */
function hall(blocks = BLOCKS, name = (block) => `Block ${block}`) {
  const slots = [];
  for (let block = 0; block < blocks; block += 1) {
    for (let seat = 0; seat < SIDE * SIDE; seat += 1) {
      const [row, along] = [Math.floor(seat / SIDE), seat % SIDE];
      const index = 100 + slots.length;
      slots.push({ id: `s${index}`, index, label: `${row}-${along}`, section: name(block), row: String(row), x: block * 40 + along, y: row, category: "All" });
    }
  }
  return new Plan({ slots });
}

let plan;
let view;
let told;
let wakes;
let sight;

beforeEach(() => {
  plan = hall();
  view = new Viewport();
  view.frame(plan.bounds, plan.spacing);
  view.resize(1200, 800);
  told = [];
  wakes = [];
  const cancel = () => wakes.splice(0);
  sight = new Sight(view, (part) => told.push(part && part.sections), (task) => wakes.push(task), cancel);
  sight.show(plan);
});

/** Until the view has rested. */
function rests() {
  wakes.splice(0).at(-1)?.();
}

function goesTo(block, scale) {
  view.zoom(scale / view.scale);
  view.centre(block * 40 + SIDE / 2, SIDE / 2);
  sight.drawn();
}

test("who comes close to a block follows it alone, and all again from afar", () => {
  goesTo(3, 45);
  rests();
  goesTo(7, 45);
  rests();
  view.fit();
  sight.drawn();
  rests();
  assert.deepEqual(told, [["Block 3"], ["Block 7"], null]);
});

test("a part has the indices of its slots, in their order", () => {
  goesTo(1, 45);
  const { sections, indices } = partInSight(plan, view);
  assert.deepEqual(sections, ["Block 1"]);
  assert.deepEqual([indices[0], indices.at(-1), indices.length], [100 + SIDE * SIDE, 99 + 2 * SIDE * SIDE, SIDE * SIDE]);
});

test("a little further needs nothing new, and a view that stays is not looked at again", () => {
  goesTo(3, 45);
  rests();
  view.pan(30, 0);
  sight.drawn();
  rests();
  sight.drawn();
  assert.equal(wakes.length, 0);
  assert.deepEqual(told, [["Block 3"]]);
});

test("while one goes on nothing is told", () => {
  for (let block = 0; block < BLOCKS; block += 1) goesTo(block, 45);
  assert.deepEqual(told, []);
  rests();
  assert.deepEqual(told, [["Block 9"]]);
});

test("of most of a hall one hears as of all of it", () => {
  view.zoom(1.5);
  assert.equal(partInSight(plan, view), null);
});

test("while everything is listed, all is followed", () => {
  goesTo(3, 45);
  rests();
  sight.whole = true;
  rests();
  sight.whole = false;
  rests();
  assert.deepEqual(told, [["Block 3"], null, ["Block 3"]]);
});

test("a small hall is followed whole, and so is one whose seats belong to no section", () => {
  sight.show(hall(2));
  goesTo(0, 45);
  rests();
  assert.deepEqual(told, []);
  plan = hall(BLOCKS, (block) => (block === 3 ? "" : `Block ${block}`));
  goesTo(3, 45);
  assert.equal(partInSight(plan, view), null);
});

test("another layout begins with all of it", () => {
  goesTo(3, 45);
  rests();
  sight.show(hall());
  goesTo(3, 45);
  rests();
  assert.deepEqual(told, [["Block 3"], null, ["Block 3"]]);
});

test("while another layout is laid out all is followed, whatever was and is looked at of the one before", () => {
  goesTo(3, 45);
  rests();
  goesTo(7, 45);
  sight.leave();
  rests();
  goesTo(8, 45);
  rests();
  assert.deepEqual(told, [["Block 3"], null]);
  sight.show(hall());
  sight.drawn();
  rests();
  assert.deepEqual(told, [["Block 3"], null, ["Block 8"]]);
});

test("who follows all is told nothing when another plan comes", () => {
  sight.leave();
  sight.show(hall());
  assert.deepEqual(told, []);
});
