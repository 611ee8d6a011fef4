import assert from "node:assert/strict";
import { test } from "node:test";

import { Viewport } from "../../static/elements/seat-map/viewport.js";

/** A round hall on a wide screen: all of it is seen, with room on the left and on the right. */
function onWideScreen() {
  const view = new Viewport();
  view.frame({ left: -100, top: -100, right: 100, bottom: 100 }, 1);
  view.resize(1000, 600);
  return view;
}

test("all of a plan is seen in the middle", () => {
  const view = onWideScreen();
  assert.deepEqual(view.place, { scale: 3, x: 500, y: 300 });
  view.pan(70, 70);
  assert.deepEqual(view.place, { scale: 3, x: 500, y: 300 });
});

test("what one zooms in on stays under the pointer, at the edge of a narrow plan too", () => {
  const view = onWideScreen();
  const [x, y] = [790, 320];
  const seat = view.toPlan(x, y);
  for (let step = 0; step < 6; step += 1) view.zoom(1.4, x, y);
  const now = view.toScreen(seat.x, seat.y);
  assert.ok(Math.hypot(now.x - x, now.y - y) < 1e-6, JSON.stringify(now));
});

test("no edge of a plan comes further in than where it lies when all is seen", () => {
  const view = onWideScreen();
  view.zoom(2);
  view.pan(5000, 5000);
  assert.deepEqual(view.toScreen(-100, -100), { x: 200, y: 0 });
  view.pan(-9000, -9000);
  assert.deepEqual(view.toScreen(100, 100), { x: 800, y: 600 });
});

test("who zooms out again sees all of it in the middle", () => {
  const view = onWideScreen();
  view.zoom(4, 790, 320);
  view.zoom(0.01, 10, 10);
  assert.deepEqual(view.place, { scale: 3, x: 500, y: 300 });
});

test("a copy keeps to the same edges", () => {
  const view = onWideScreen();
  view.zoom(2);
  const copy = view.copy();
  copy.pan(5000, 0);
  assert.equal(copy.toScreen(-100, 0).x, 200);
});
