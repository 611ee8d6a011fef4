/**
 * Paints a plan on two canvases that lie on each other: the ground (floor, areas, names), painted when the view has moved, and the
 * seats, of which only those that changed are painted again.
 *
 * A big hall is painted out of sight, a slice in each frame, and shown when it is whole. What changes meanwhile is painted on what
 * is still shown, and once more on what comes.
 */

import { atOnce } from "../slices.js";
import { Drawing, Stamps } from "./drawing.js";
import { paintGround } from "./ground.js";

/** A canvas out of sight, of which what was painted can be asked for without waiting for a graphics card. */
function hiddenContext() {
  return document.createElement("canvas").getContext("2d", { willReadFrequently: true });
}

/** What is out of sight is only noted down until somebody wants to see it; this has it painted now, slice by slice. */
function settle(context) {
  context.getImageData(0, 0, 1, 1);
}

export class Painter {
  #ground;
  #seats;
  #backGround = null;
  #backSeats = null;
  #view;
  #density = 1;
  #scene = null;
  #stamps = new Stamps();
  #shown = null;
  #coming = null;
  #work = null;
  #since = new Set();

  /** @param {HTMLCanvasElement} ground @param {HTMLCanvasElement} seats @param {Viewport} view */
  constructor(ground, seats, view) {
    this.#ground = ground.getContext("2d");
    this.#seats = seats.getContext("2d");
    this.#view = view;
  }

  /** @param {Uint8Array} looks one of `Look` for each seat; kept, and read again when seats are painted */
  show(plan, looks, ink) {
    const dimmed = this.#scene?.dimmed ?? new Set();
    this.#scene = { plan, looks, ink, dimmed };
    if (this.#shown?.plan !== plan) this.#shown = null;
  }

  /** Categories whose free seats are painted faint. */
  set dimmed(categories) {
    this.#scene = { ...this.#scene, dimmed: categories };
  }

  /** Counts from the next painting of everything on. */
  set density(density) {
    this.#density = density;
  }

  /** @returns {Viewport | null} where the view was when what is shown was painted */
  get place() {
    return this.#shown?.view ?? null;
  }

  /** Whether something is being painted out of sight. */
  get isBusy() {
    return this.#work !== null;
  }

  /** Paints everything within this frame. */
  paintAll() {
    this.#stop();
    const drawing = this.#draw();
    atOnce(this.#everything(drawing, this.#ground, this.#seats));
    this.#shown = drawing;
  }

  /** Begins to paint everything out of sight; what had been begun is given up. */
  begin() {
    this.#stop();
    this.#backGround ??= hiddenContext();
    this.#backSeats ??= hiddenContext();
    this.#coming = this.#draw();
    this.#work = this.#everything(this.#coming, this.#backGround, this.#backSeats);
  }

  /** Paints a slice of it. @returns {boolean} whether it is whole, and is shown now */
  goOn() {
    const { done } = this.#work.next();
    settle(this.#backGround);
    settle(this.#backSeats);
    if (!done) return false;
    for (const [front, back] of [[this.#ground, this.#backGround], [this.#seats, this.#backSeats]]) {
      front.canvas.width = back.canvas.width;
      front.canvas.height = back.canvas.height;
      front.drawImage(back.canvas, 0, 0);
    }
    this.#shown = this.#coming;
    this.#shown.some(this.#seats, this.#since);
    this.#stop();
    return true;
  }

  /** @param {Iterable<number>} seats those that look different now */
  paintSome(seats) {
    this.#shown?.some(this.#seats, seats);
    if (this.isBusy) for (const seat of seats) this.#since.add(seat);
  }

  #draw() {
    return new Drawing(this.#scene, this.#view.copy(), this.#density, this.#stamps);
  }

  #stop() {
    this.#work = null;
    this.#coming = null;
    this.#since.clear();
  }

  *#everything(drawing, ground, seats) {
    const { view } = drawing;
    const density = this.#density;
    for (const { canvas } of [ground, seats]) {
      canvas.width = Math.round(view.width * density);
      canvas.height = Math.round(view.height * density);
    }
    ground.setTransform(density, 0, 0, density, 0, 0);
    yield* paintGround(ground, this.#scene.plan, view, this.#scene.ink);
    yield* drawing.all(seats);
  }
}
