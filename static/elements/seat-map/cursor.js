/** The keyboard's place on the map: one real button that moves from seat to seat. */

import { make } from "../make.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LEAST = 12;

export class Cursor {
  seat = 0;
  element;
  #meanings;
  #plan = null;

  /** @param {{choose: Function, moved: Function, zoom: Function, fit: Function}} meanings of keys; `moved` also when it gets the focus */
  constructor(meanings) {
    this.#meanings = meanings;
    const facts = { type: "button", onclick: () => meanings.choose(this.seat), onkeydown: (event) => this.#key(event), onfocus: () => this.#focused() };
    this.element = make("button.cursor", facts);
  }

  show(plan) {
    this.#plan = plan;
    this.seat = 0;
  }

  get focused() {
    return this.element.getRootNode().activeElement === this.element;
  }

  place({ x, y }, seatSize) {
    const side = `${Math.max(LEAST, seatSize * 0.9)}px`;
    Object.assign(this.element.style, { left: `${x}px`, top: `${y}px`, width: side, height: side });
  }

  #focused() {
    if (this.#plan && this.element.matches(":focus-visible")) this.#meanings.moved();
  }

  #go(seat) {
    this.seat = seat;
    this.#meanings.moved();
  }

  #key(event) {
    if (!this.#plan || !this.#act(event.key)) return;
    event.preventDefault();
  }

  /** @returns {boolean} whether the key means anything here */
  #act(key) {
    if (ARROWS[key]) this.#go(this.#plan.neighbour(this.seat, ...ARROWS[key]));
    else if (key === "Home") this.#go(this.#plan.rowOf(this.seat).seats[0]);
    else if (key === "End") this.#go(this.#plan.rowOf(this.seat).seats.at(-1));
    else if (key === "+" || key === "=") this.#meanings.zoom(true);
    else if (key === "-") this.#meanings.zoom(false);
    else if (key === "0") this.#meanings.fit();
    else return false;
    return true;
  }
}
