/** What a booking holds, as a list: each line with its place, what it is for and what it costs. */

import { formatMoney } from "../client/money.js";
import { resource } from "../client/resources.js";
import { make } from "../elements/make.js";
import { rangeTitle, slotTitle } from "./cart-lines.js";

export class BookedLines {
  #resources = new Map();
  #onknown;

  /** @param {() => void} onknown a resource's words have come; draw again */
  constructor(onknown) {
    this.#onknown = onknown;
  }

  /** @returns {number} how many resources' words are at hand */
  get known() {
    return [...this.#resources.values()].filter(Boolean).length;
  }

  /** @returns {HTMLElement[]} a list's items */
  draw(items) {
    for (const { resource: name } of items) this.#fetch(name);
    return items.map((item) => this.#line(item));
  }

  #line({ resource: name, slot, label, quantity, price, range }) {
    const known = this.#resources.get(name);
    const place = known ? titleOf(slot, range, known) : label;
    const title = quantity > 1 ? `${quantity} × ${place}` : place;
    const where = [known?.title, known?.address].filter(Boolean).join(", ");
    const words = make("div", {}, make("b", {}, title), make("span", {}, where));
    return make("li", {}, words, formatMoney({ ...price, amount: price.amount * quantity }));
  }

  async #fetch(name) {
    if (this.#resources.has(name)) return;
    this.#resources.set(name, null);
    try {
      this.#resources.set(name, await resource(name));
      this.#onknown();
    } catch {
      this.#resources.delete(name);
    }
  }
}

function titleOf(slot, range, known) {
  return range ? rangeTitle(range, known) : slotTitle(known.slots.find(({ id }) => id === slot), known);
}
