/** Which part of a plan is seen, and how big: screen = plan × scale + offset. Pure; sizes in CSS pixels. */

const MAX_SEAT = 64;

export class Viewport {
  scale = 1;
  x = 0;
  y = 0;
  width = 0;
  height = 0;
  #bounds = { left: 0, top: 0, right: 1, bottom: 1 };
  #spacing = 1;
  #foot = 0;
  #fitted = 1;

  /** @param {{left: number, top: number, right: number, bottom: number}} bounds of all that is drawn @param {number} foot pixels at the bottom that are covered */
  frame(bounds, spacing, foot = 0) {
    this.#bounds = bounds;
    this.#spacing = spacing;
    this.#foot = foot;
  }

  /** @returns {number} pixels from one seat to its neighbour */
  get seat() {
    return this.#spacing * this.scale;
  }

  get fitted() {
    return this.scale <= this.#fitted * 1.001;
  }

  resize(width, height) {
    const wasFitted = this.width === 0 || this.fitted;
    const middle = this.toPlan(this.width / 2, this.height / 2);
    Object.assign(this, { width, height });
    this.#fitted = this.#fitScale();
    if (wasFitted) this.fit();
    else this.centre(middle.x, middle.y);
  }

  #fitScale() {
    const { left, top, right, bottom } = this.#bounds;
    const wide = this.width / Math.max(right - left, 1e-6);
    const high = Math.max(1, this.height - this.#foot) / Math.max(bottom - top, 1e-6);
    return Math.min(wide, high, MAX_SEAT / this.#spacing);
  }

  /** Shows everything, in the middle. */
  fit() {
    this.#fitted = this.#fitScale();
    this.scale = this.#fitted;
    const { left, top, right, bottom } = this.#bounds;
    this.centre((left + right) / 2, (top + bottom) / 2);
  }

  centre(x, y) {
    this.x = this.width / 2 - x * this.scale;
    this.y = (this.height - this.#foot) / 2 - y * this.scale;
    this.#keepInSight();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#keepInSight();
  }

  /** Zooms by a factor; what lies at the screen's (x, y) stays there. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const least = this.#fitted;
    const scale = Math.min(Math.max(this.scale * factor, least), Math.max(MAX_SEAT / this.#spacing, least));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.#keepInSight();
  }

  toPlan(x, y) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  toScreen(x, y) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }

  /** @returns {{scale: number, x: number, y: number}} a copy, to be moved from or to */
  get place() {
    return { scale: this.scale, x: this.x, y: this.y };
  }

  set place({ scale, x, y }) {
    Object.assign(this, { scale, x, y });
  }

  /** @returns {Viewport} one that stays where this one is now */
  copy() {
    const copy = new Viewport();
    copy.frame(this.#bounds, this.#spacing, this.#foot);
    copy.#fitted = this.#fitted;
    return Object.assign(copy, { width: this.width, height: this.height, scale: this.scale, x: this.x, y: this.y });
  }

  /** @returns {boolean} whether something within a frame of plan units may be seen; `room` is how much wider it is painted, in pixels */
  sees({ left, top, right, bottom }, room) {
    const { scale, x, y } = this;
    return right * scale + x > -room && left * scale + x < this.width + room && bottom * scale + y > -room && top * scale + y < this.height + room;
  }

  /** No edge of the plan comes further in than where it lies when all is seen: so what one zooms in on stays under the finger. */
  #keepInSight() {
    const { left, top, right, bottom } = this.#bounds;
    const { scale } = this;
    this.x = kept(this.x, left, right, scale, this.#fitted, this.width);
    this.y = kept(this.y, top, bottom, scale, this.#fitted, this.height - this.#foot);
  }
}

function kept(offset, near, far, scale, fitted, size) {
  const margin = (size - (far - near) * fitted) / 2;
  return Math.min(Math.max(offset, size - margin - far * scale), margin - near * scale);
}
