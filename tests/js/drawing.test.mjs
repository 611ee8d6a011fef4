import assert from "node:assert/strict";
import { test } from "node:test";

import { Drawing, Stamps } from "../../static/elements/seat-map/drawing.js";
import { Look } from "../../static/elements/seat-map/looks.js";
import { Plan } from "../../static/elements/seat-map/plan.js";
import { Viewport } from "../../static/elements/seat-map/viewport.js";
import { atOnce } from "../../static/elements/slices.js";
import { chance } from "./chance.mjs";

const INK = { categories: [{ fill: "a", text: "" }, { fill: "b", text: "" }], held: "h", sold: "s", edge: "e", accent: "m" };

/** A canvas of characters, one for each pixel; a seat's stamp would need a browser, so these are seats far away. */
class Sheet {
  globalAlpha = 1;
  fillStyle = "";
  painted = 0;
  #clip = null;
  #path = null;

  constructor(width, height) {
    Object.assign(this, { width, height, pixels: new Array(width * height).fill(".") });
  }

  save() {}
  restore() {
    this.#clip = null;
  }
  beginPath() {}
  rect(...path) {
    this.#path = path;
  }
  clip() {
    this.#clip = this.#path;
  }
  clearRect(...where) {
    this.#fill(where, ".");
  }
  fillRect(...where) {
    this.painted += 1;
    this.#fill(where, this.globalAlpha < 1 ? this.fillStyle.toUpperCase() : this.fillStyle);
  }

  #fill([left, top, width, height], mark) {
    assert.ok([left, top, width, height].every(Number.isInteger), "seats stand on whole pixels");
    const [x, y, wide, high] = this.#clip ?? [0, 0, this.width, this.height];
    for (let row = Math.max(0, top, y); row < Math.min(this.height, top + height, y + high); row += 1) {
      for (let column = Math.max(0, left, x); column < Math.min(this.width, left + width, x + wide); column += 1) this.pixels[row * this.width + column] = mark;
    }
  }

  get text() {
    return this.pixels.join("");
  }
}

function hall(rows, seats) {
  const slots = Array.from({ length: rows * seats }, (_, index) => {
    const [row, along] = [Math.floor(index / seats), index % seats];
    return { id: `s${index}`, index, label: `${row}-${along}`, section: "S", row: `${row}`, x: along + row * 0.3, y: row * 1.1, category: row < 5 ? "A" : "B", price: { amount: 1, currency: "eur" } };
  });
  return new Plan({ slots });
}

function seenFrom(plan, zoom, width = 200, height = 120) {
  const view = new Viewport();
  view.frame(plan.bounds, plan.spacing);
  view.resize(width, height);
  view.zoom(zoom);
  return view.copy();
}

for (const [zoom, density] of [[1, 1], [1, 2], [0.3, 1], [1.4, 1], [1.45, 2]]) {
  test(`painting what changed shows what painting everything shows: ${zoom} × near, ${density} × dense`, () => {
    const plan = hall(30, 60);
    const view = seenFrom(plan, 1);
    view.place = { ...view.place, scale: view.scale * zoom };
    const looks = new Uint8Array(plan.xs.length);
    const random = chance(7);
    const drawing = new Drawing({ plan, looks, ink: INK, dimmed: new Set([1]) }, view, density, new Stamps());
    assert.ok(drawing.isDots);
    const kept = new Sheet(view.width * density, view.height * density);
    atOnce(drawing.all(kept));
    for (let storm = 0; storm < 40; storm += 1) {
      const seats = Array.from({ length: 60 }, () => Math.floor(random() * looks.length));
      for (const seat of seats) looks[seat] = Math.floor(random() * Object.keys(Look).length);
      drawing.some(kept, seats);
    }
    const fresh = new Sheet(view.width * density, view.height * density);
    atOnce(drawing.all(fresh));
    assert.ok(new Set(fresh.text).size > 4, "there is something to compare");
    assert.equal(kept.text, fresh.text);
  });
}

test("only what is in sight is painted", () => {
  const plan = hall(200, 200);
  const view = seenFrom(plan, 1);
  view.place = { scale: 3, x: -300, y: -300 };
  const looks = new Uint8Array(plan.xs.length);
  const drawing = new Drawing({ plan, looks, ink: INK, dimmed: new Set() }, view, 1, new Stamps());
  const sheet = new Sheet(view.width, view.height);
  atOnce(drawing.all(sheet));
  assert.ok(sheet.painted > 2000 && sheet.painted < 4000, `${sheet.painted} seats`);
  sheet.painted = 0;
  drawing.some(sheet, [0, 1, plan.xs.length - 1]);
  assert.equal(sheet.painted, 0);
});

test("everything is painted in slices", () => {
  const plan = hall(100, 200);
  const drawing = new Drawing({ plan, looks: new Uint8Array(plan.xs.length), ink: INK, dimmed: new Set() }, seenFrom(plan, 1), 1, new Stamps());
  const sheet = new Sheet(200, 120);
  const slices = [];
  for (const _ of drawing.all(sheet)) slices.push(sheet.painted);
  assert.deepEqual(slices, [4000, 8000, 12_000, 16_000, 20_000]);
});

test("stamps are kept until size, density or colours change", () => {
  const stamps = new Stamps();
  const made = stamps.of(20, 1, INK);
  assert.equal(stamps.of(20, 1, INK), made);
  assert.notEqual(stamps.of(21, 1, INK), made);
  assert.notEqual(stamps.of(21, 1, { ...INK }), stamps.of(21, 1, INK));
});
