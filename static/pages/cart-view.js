/** Keeps a <cart-panel> showing this session's cart, and does what is asked of it. */

import { resource } from "../client/resources.js";
import "../elements/cart-panel.js";
import { notify } from "../elements/notices.js";
import { linesOf, totalOf } from "./cart-lines.js";
import { tell } from "./shell.js";

export class CartView {
  lines = [];
  total = null;
  #holdfast;
  #panel;
  #options;
  #resources = new Map();

  /** @param {Holdfast} holdfast @param {CartPanel} panel @param {{here?: string, checkout?: string, empty: string, onchange?: Function}} options */
  constructor(holdfast, panel, options) {
    this.#holdfast = holdfast;
    this.#panel = panel;
    this.#options = options;
    panel.clock = holdfast.clock;
    panel.addEventListener("renew", () => this.#renew());
    holdfast.cart.addEventListener("change", () => this.#changed());
    this.#changed();
  }

  /** A resource that is at hand already. */
  know(known) {
    this.#resources.set(known.id, known);
    this.#changed();
  }

  #changed() {
    const { cart } = this.#holdfast;
    for (const { resource: id } of [...cart.held, ...cart.paying]) this.#fetch(id);
    this.lines = linesOf(cart, this.#resources, this.#options.here);
    this.total = totalOf(this.lines);
    for (const line of this.lines) if (!line.waiting) line.onremove = () => this.#remove(line);
    this.#panel.show({
      lines: this.lines,
      total: this.total,
      expiresAt: cart.held.length > 0 ? cart.expiresAt : null,
      paying: this.#paying(cart.paying),
      checkout: this.#options.checkout && cart.held.length > 0 ? this.#options.checkout : null,
      empty: this.#options.empty,
    });
    this.#options.onchange?.(this);
  }

  #paying(holds) {
    const places = holds.flatMap(({ items }) => items).reduce((sum, [, quantity]) => sum + quantity, 0);
    if (places === 0) return null;
    return { text: `${places} ${places === 1 ? "place is" : "places are"} waiting for payment.`, href: "/booking" };
  }

  async #fetch(id) {
    if (this.#resources.has(id)) return;
    this.#resources.set(id, undefined);
    try {
      this.know(await resource(id));
    } catch {
      this.#resources.delete(id);
    }
  }

  async #remove({ hold, slot, quantity }) {
    try {
      await this.#holdfast.holds.release(hold, hold.items.length > 1 ? [[slot, quantity]] : undefined);
    } catch (refusal) {
      tell(refusal);
    }
  }

  async #renew() {
    const before = this.#holdfast.cart.expiresAt;
    try {
      await this.#holdfast.holds.extend();
      const gained = this.#holdfast.cart.expiresAt - before;
      notify(gained > 1000 ? "Your places are held for longer." : "That is as long as places can be held.");
    } catch (refusal) {
      tell(refusal);
    }
  }
}
