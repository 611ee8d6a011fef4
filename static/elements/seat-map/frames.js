/**
 * When a map is painted: what changed, once a frame; everything, when the view has moved. A big hall is moved as it was painted,
 * and painted anew in slices when it rests.
 */

import { glide, wantsStillness } from "./glide.js";
import { Painter } from "./painter.js";

/** Halls with more seats are painted in slices. */
export const BIG = 6000;
const REST = 120;
/** Where more than this share of all seats changed, all of them are painted. */
const MANY = 1 / 4;

export class Frames {
  #canvases;
  #view;
  #painter;
  #painted;
  #seats = 0;
  #dirty = new Set();
  #all = false;
  #frame = 0;
  #resting = 0;

  /**
   * @param {HTMLCanvasElement} ground @param {HTMLCanvasElement} seats @param {Viewport} view
   * @param {() => void} painted what else has to move with the view, in the same frame
   */
  constructor(ground, seats, view, painted) {
    this.#canvases = [ground, seats];
    this.#view = view;
    this.#painter = new Painter(ground, seats, view);
    this.#painted = painted;
  }

  /** @param {Uint8Array} looks one of `Look` for each seat; kept */
  show(plan, looks, ink) {
    this.#seats = looks.length;
    this.#painter.show(plan, looks, ink);
    this.all();
  }

  set dimmed(categories) {
    this.#painter.dimmed = categories;
    this.all();
  }

  resize(width, height) {
    this.#view.resize(width, height);
    this.#painter.density = Math.min(devicePixelRatio, 3);
    this.all();
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  /** These look different now. @param {number[]} seats */
  some(seats) {
    for (const seat of seats) this.#dirty.add(seat);
    this.#all ||= this.#dirty.size > this.#seats * MANY;
    this.#request();
  }

  all() {
    this.#all = true;
    this.#request();
  }

  /** Moves the view as a finger does. */
  move(change) {
    change();
    if (this.#isBig && this.#painter.place) {
      this.#placeCanvases();
      this.#painted();
    } else this.all();
  }

  /** The finger is gone. */
  rest() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.all(), REST);
  }

  /** Moves the view smoothly; at once for those who want less motion, and where painting each step is too much. */
  glide(change) {
    if (this.#seats > 0 && !this.#isBig && !wantsStillness()) glide(this.#view, change, () => this.all());
    else {
      this.move(change);
      this.all();
    }
  }

  get #isBig() {
    return this.#seats > BIG;
  }

  #request() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#frame = 0;
    if (this.#seats === 0 || this.#view.width === 0) return;
    if (this.#all) this.#paintAll();
    else this.#painter.paintSome(this.#dirty);
    this.#all = false;
    this.#dirty.clear();
    if (this.#painter.isBusy && this.#painter.goOn()) this.#placeCanvases();
    if (this.#painter.isBusy) this.#request();
    this.#painted();
  }

  #paintAll() {
    if (this.#isBig) {
      this.#painter.begin();
      return;
    }
    this.#painter.paintAll();
    this.#placeCanvases();
  }

  #placeCanvases() {
    const { scale, x, y } = this.#view;
    const painted = this.#painter.place;
    const factor = scale / painted.scale;
    const still = factor === 1 && x === painted.x && y === painted.y;
    const matrix = `matrix(${factor}, 0, 0, ${factor}, ${x - painted.x * factor}, ${y - painted.y * factor})`;
    for (const canvas of this.#canvases) canvas.style.transform = still ? "none" : matrix;
  }
}
