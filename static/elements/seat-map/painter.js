/**
 * Paints a plan on two canvases that lie on each other: the ground (floor, areas, names), painted when the view moves, and the
 * seats, of which only those that changed are painted again.
 */

import { paintGround } from "./ground.js";
import { Look } from "./looks.js";
import { drawSeat } from "./seat-shape.js";

const SMALL = 4.5;

export class Painter {
  #ground;
  #seats;
  #plan = null;
  #view;
  #ink = null;
  #density = 1;
  #looks = new Uint8Array(0);
  #dimmed = new Set();
  #stamps = new Map();
  #stampSize = 0;

  /** @param {HTMLCanvasElement} ground @param {HTMLCanvasElement} seats @param {Viewport} view */
  constructor(ground, seats, view) {
    this.#ground = ground.getContext("2d");
    this.#seats = seats.getContext("2d");
    this.#view = view;
  }

  /** @param {Uint8Array} looks one of `Look` for each seat; kept, and read again when seats are painted */
  show(plan, looks, ink) {
    this.#plan = plan;
    this.#looks = looks;
    this.#ink = ink;
    this.#stamps.clear();
  }

  /** Categories whose free seats are painted faint. */
  set dimmed(categories) {
    this.#dimmed = categories;
  }

  resize(width, height, density) {
    this.#density = density;
    for (const { canvas } of [this.#ground, this.#seats]) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
    }
  }

  paintAll() {
    if (!this.#plan) return;
    this.#prepare(this.#ground);
    paintGround(this.#ground, this.#plan, this.#view, this.#ink);
    this.#prepare(this.#seats);
    this.#forgetStamps();
    this.#plan.xs.forEach((_, seat) => this.#paintSeat(seat));
  }

  /** @param {Iterable<number>} seats those that look different now */
  paintSome(seats) {
    if (!this.#plan) return;
    for (const seat of seats) {
      this.#erase(seat);
      this.#paintSeat(seat);
    }
  }

  /** Takes away exactly what a seat may have covered: a rectangle would cut into neighbours of slanting rows. */
  #erase(seat) {
    const { x, y } = this.#view.toScreen(this.#plan.xs[seat], this.#plan.ys[seat]);
    const radius = this.#view.seat * 0.43 + 1;
    const context = this.#seats;
    context.globalAlpha = 1;
    context.globalCompositeOperation = "destination-out";
    context.beginPath();
    if (this.#plan.slots[seat].accessible || this.#view.seat < SMALL) context.rect(x - radius, y - radius, radius * 2, radius * 2);
    else context.arc(x, y, radius, 0, Math.PI * 2);
    context.fill();
    context.globalCompositeOperation = "source-over";
  }

  #prepare(context) {
    context.setTransform(this.#density, 0, 0, this.#density, 0, 0);
    context.clearRect(0, 0, this.#view.width, this.#view.height);
  }

  #paintSeat(seat) {
    const { x, y } = this.#view.toScreen(this.#plan.xs[seat], this.#plan.ys[seat]);
    const size = this.#view.seat;
    if (x < -size || y < -size || x > this.#view.width + size || y > this.#view.height + size) return;
    const faint = this.#looks[seat] === Look.AVAILABLE && this.#dimmed.has(this.#plan.categoryOf[seat]);
    this.#seats.globalAlpha = faint ? 0.22 : 1;
    if (size < SMALL) this.#paintDot(seat, x, y, size);
    else this.#stamp(seat, x, y);
  }

  /** Far away a seat is a few pixels: full, outlined or a speck. */
  #paintDot(seat, x, y, size) {
    const look = this.#looks[seat];
    const side = { [Look.SOLD]: 0.35, [Look.HELD]: 0.5, [Look.MINE]: 1.2 }[look] ?? 0.8;
    this.#seats.fillStyle = this.#colour(seat, look);
    this.#seats.fillRect(x - (size * side) / 2, y - (size * side) / 2, size * side, size * side);
  }

  #colour(seat, look) {
    if (look === Look.AVAILABLE) return this.#ink.categories[this.#plan.categoryOf[seat]].fill;
    return { [Look.HELD]: this.#ink.held, [Look.SOLD]: this.#ink.sold, [Look.UNKNOWN]: this.#ink.edge }[look] ?? this.#ink.accent;
  }

  #forgetStamps() {
    if (this.#stampSize === this.#view.seat) return;
    this.#stampSize = this.#view.seat;
    this.#stamps.clear();
  }

  /** Seats that look alike are drawn once and stamped. */
  #stamp(seat, x, y) {
    const slot = this.#plan.slots[seat];
    const look = this.#looks[seat];
    const category = look === Look.AVAILABLE ? this.#plan.categoryOf[seat] : 0;
    const letters = look === Look.AVAILABLE ? this.#plan.letters[seat] : "";
    const key = `${look}|${category}|${slot.accessible}|${this.#view.seat >= 19 ? letters : ""}`;
    if (!this.#stamps.has(key)) this.#stamps.set(key, this.#draw(look, slot.accessible, category, letters));
    const image = this.#stamps.get(key);
    const side = image.width / this.#density;
    this.#seats.drawImage(image, x - side / 2, y - side / 2, side, side);
  }

  #draw(look, accessible, category, letters) {
    const size = this.#view.seat;
    const side = Math.ceil((size + 2) * this.#density);
    const canvas = document.createElement("canvas");
    canvas.width = side;
    canvas.height = side;
    const context = canvas.getContext("2d");
    context.setTransform(this.#density, 0, 0, this.#density, side / 2, side / 2);
    const { fill, text } = this.#ink.categories[category];
    drawSeat(context, look, { size, ink: this.#ink, fill, text, accessible, letters, font: this.#ink.font });
    return canvas;
  }
}
