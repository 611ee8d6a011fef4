/**
 * All seats of a plan as they look from one place, on a canvas whose pixels are the device's. Seats stand on whole pixels, so that
 * what is painted over one of them is what painting everything anew would show there.
 */

import { Look } from "./looks.js";
import { drawSeat } from "./seat-shape.js";

/** Below this size (CSS pixels from seat to seat) a seat is a dot. */
const SMALL = 4.5;
/** With numbers from this size on. */
const LETTERS = 19;
/** So much is painted before something else may come between; a stamp is as much as some dots. */
const SLICE = 4000;
const STAMP = 5;
const FAINT = 0.22;
const SIDES = { [Look.SOLD]: 0.35, [Look.HELD]: 0.5, [Look.MINE]: 1.2 };
const SIDE = 0.8;
const LARGEST_SIDE = 1.2;

/** Seats that look alike are drawn once and stamped; kept as long as size and colours stay. */
export class Stamps {
  #made = new Map();
  #facts = [];

  /** Forgets them if they were made for something else. @returns {Map<string, HTMLCanvasElement>} */
  of(...facts) {
    if (facts.some((fact, place) => fact !== this.#facts[place])) this.#made = new Map();
    this.#facts = facts;
    return this.#made;
  }
}

export class Drawing {
  #plan;
  #looks;
  #ink;
  #dimmed;
  #view;
  #density;
  #stamps;
  #half;
  #size;

  /**
   * @param {{plan: Plan, looks: Uint8Array, ink: object, dimmed: Set<number>}} scene `looks` are read whenever something is painted
   * @param {Viewport} view does not move any more @param {number} density device pixels of a CSS pixel @param {Stamps} stamps
   */
  constructor({ plan, looks, ink, dimmed }, view, density, stamps) {
    Object.assign(this, { view });
    this.#plan = plan;
    this.#looks = looks;
    this.#ink = ink;
    this.#dimmed = dimmed;
    this.#view = view;
    this.#density = density;
    this.#size = view.seat * density;
    this.#stamps = stamps.of(this.#size, density, ink);
    this.#half = this.isDots ? Math.ceil(this.#sideOf(LARGEST_SIDE) / 2) : Math.ceil((this.#size + 2 * density) / 2);
  }

  get isDots() {
    return this.#view.seat < SMALL;
  }

  /** Paints every seat that is in sight; yields on the way. */
  *all(context) {
    let done = 0;
    for (let seat = 0; seat < this.#plan.xs.length; seat += 1) {
      if (!this.#isInSight(seat)) continue;
      this.#paint(context, seat);
      done += this.isDots ? 1 : STAMP;
      if (done < SLICE) continue;
      done = 0;
      yield;
    }
    context.globalAlpha = 1;
  }

  /** Paints these seats anew, and of their neighbours what reaches into their place. @param {Iterable<number>} seats */
  some(context, seats) {
    for (const seat of seats) if (this.#isInSight(seat)) this.#repaint(context, seat);
  }

  #repaint(context, seat) {
    const [left, top, side] = [this.#left(seat), this.#top(seat), this.#half * 2];
    context.save();
    context.beginPath();
    context.rect(left, top, side, side);
    context.clip();
    context.clearRect(left, top, side, side);
    for (const one of this.#around(seat)) this.#paint(context, one);
    context.restore();
  }

  /** @returns {number[]} the seats that may reach into a seat's place, itself among them, in the order in which all are painted */
  #around(seat) {
    const found = [];
    const reach = ((this.#half * 2 + 1) * Math.SQRT2) / this.#density / this.#view.scale;
    this.#plan.cells.near(this.#plan.xs[seat], this.#plan.ys[seat], reach, (other) => found.push(other));
    return found.sort((one, other) => one - other);
  }

  #left(seat) {
    return Math.round((this.#plan.xs[seat] * this.#view.scale + this.#view.x) * this.#density) - this.#half;
  }

  #top(seat) {
    return Math.round((this.#plan.ys[seat] * this.#view.scale + this.#view.y) * this.#density) - this.#half;
  }

  #isInSight(seat) {
    const [x, y, side] = [this.#left(seat), this.#top(seat), this.#half * 2];
    return x > -side && y > -side && x < this.#view.width * this.#density && y < this.#view.height * this.#density;
  }

  #paint(context, seat) {
    const look = this.#looks[seat];
    const alpha = look === Look.AVAILABLE && this.#dimmed.has(this.#plan.categoryOf[seat]) ? FAINT : 1;
    if (context.globalAlpha !== alpha) context.globalAlpha = alpha;
    if (this.isDots) this.#dot(context, seat, look);
    else context.drawImage(this.#stampOf(seat, look), this.#left(seat), this.#top(seat));
  }

  /** Far away a seat is a few pixels. */
  #dot(context, seat, look) {
    const side = this.#sideOf(SIDES[look] ?? SIDE);
    const inset = this.#half - Math.ceil(side / 2);
    context.fillStyle = this.#colour(seat, look);
    context.fillRect(this.#left(seat) + inset, this.#top(seat) + inset, side, side);
  }

  #sideOf(share) {
    return Math.max(1, Math.round(this.#size * share));
  }

  #colour(seat, look) {
    const ink = this.#ink;
    if (look === Look.AVAILABLE) return ink.categories[this.#plan.categoryOf[seat]].fill;
    if (look === Look.HELD) return ink.held;
    if (look === Look.SOLD) return ink.sold;
    return look === Look.UNKNOWN ? ink.edge : ink.accent;
  }

  #stampOf(seat, look) {
    const { accessible } = this.#plan.slots[seat];
    const category = look === Look.AVAILABLE ? this.#plan.categoryOf[seat] : 0;
    const letters = look === Look.AVAILABLE && this.#view.seat >= LETTERS ? this.#plan.letters[seat] : "";
    const key = `${look}|${category}|${accessible}|${letters}`;
    let stamp = this.#stamps.get(key);
    if (!stamp) this.#stamps.set(key, (stamp = this.#stamp(look, accessible, category, letters)));
    return stamp;
  }

  #stamp(look, accessible, category, letters) {
    const [canvas, density] = [document.createElement("canvas"), this.#density];
    canvas.width = this.#half * 2;
    canvas.height = this.#half * 2;
    const context = canvas.getContext("2d");
    context.setTransform(density, 0, 0, density, this.#half, this.#half);
    const { fill, text } = this.#ink.categories[category];
    drawSeat(context, look, { size: this.#view.seat, ink: this.#ink, fill, text, accessible, letters, font: this.#ink.font });
    return canvas;
  }
}
