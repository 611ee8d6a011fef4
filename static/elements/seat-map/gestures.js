/** Fingers, mouse and wheel as what they mean: `pan(dx, dy)`, `zoom(factor, x, y)`, `tap(x, y, touch)`, `hover(x, y)`, `rest()`. */

const SLOP = 6;
const WHEEL_STEP = 0.0016;
const LONGEST_STEP = 240;

export class Gestures {
  #element;
  #meanings;
  #pointers = new Map();
  #moved = false;

  /** @param {HTMLElement} element whose own coordinates are told @param {object} meanings what to call */
  constructor(element, meanings) {
    this.#element = element;
    this.#meanings = meanings;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", (event) => this.#forget(event));
    element.addEventListener("pointerleave", () => meanings.hover(null));
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #point(event) {
    const box = this.#element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #down(event) {
    if (event.button !== 0) return;
    if (this.#pointers.size === 0) this.#moved = false;
    this.#pointers.set(event.pointerId, { ...this.#point(event), from: this.#point(event) });
    this.#element.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    const now = this.#point(event);
    if (!before) {
      if (event.pointerType === "mouse") this.#meanings.hover(now);
      return;
    }
    if (Math.hypot(now.x - before.from.x, now.y - before.from.y) > SLOP) this.#moved = true;
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.#moved) this.#meanings.pan(now.x - before.x, now.y - before.y);
    else return;
    this.#pointers.set(event.pointerId, { ...now, from: before.from });
  }

  #pinch(id, before, now) {
    const [, other] = [...this.#pointers].find(([pointer]) => pointer !== id);
    this.#moved = true;
    const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    this.#meanings.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.#meanings.zoom(factor, (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  #up(event) {
    const known = this.#pointers.has(event.pointerId);
    this.#forget(event);
    if (!known) return;
    if (this.#moved) this.#meanings.rest();
    else {
      const { x, y } = this.#point(event);
      this.#meanings.tap(x, y, event.pointerType !== "mouse");
    }
  }

  #forget(event) {
    this.#pointers.delete(event.pointerId);
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    const step = Math.min(Math.max(event.deltaY * lines, -LONGEST_STEP), LONGEST_STEP);
    const { x, y } = this.#point(event);
    this.#meanings.zoom(Math.exp(-step * WHEEL_STEP * (event.ctrlKey ? 4 : 1)), x, y);
    this.#meanings.rest();
  }
}
