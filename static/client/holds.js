/**
 * Holds slots and releases holds. Each change is shown at once and rolled back when it is refused; each carries an `op`, under
 * which it is asked again after a lost line and counts once.
 */

import { ulid } from "./ulid.js";

export class Holds {
  #connection;
  #cart;

  constructor(connection, cart) {
    this.#connection = connection;
    this.#cart = cart;
  }

  /**
   * @param {{resource: string, items?: [string, number][], range?: [string, string], best?: object}} request
   * @returns {Promise<object>} the hold @throws {Refusal}
   */
  async hold(request) {
    const op = ulid();
    this.#cart.wish(op, request.resource, request.items ?? [], request.range);
    try {
      const answer = await this.#connection.ask({ type: "hold", op, ...request });
      this.#cart.took(op, answer);
      return answer.hold;
    } finally {
      this.#cart.answered(op);
    }
  }

  /** @param {object} hold @param {[string, number][]} [items] a part of it; all of it if not given @throws {Refusal} */
  async release(hold, items) {
    const op = ulid();
    const less = (items ?? hold.items).map(([slot, quantity]) => [slot, -quantity]);
    this.#cart.wish(op, hold.resource, less);
    try {
      await this.#connection.ask({ type: "release", op, hold: hold.id, items });
      this.#cart.released(op, hold.id, items);
    } finally {
      this.#cart.answered(op);
    }
  }

  /** Moves the cart's deadline as far as its rules allow. @throws {Refusal} */
  async extend() {
    const op = ulid();
    this.#cart.wish(op);
    try {
      const { cart } = await this.#connection.ask({ type: "extend", op });
      this.#cart.extended(op, cart);
    } finally {
      this.#cart.answered(op);
    }
  }
}
