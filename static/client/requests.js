/** Questions asked of the server and not answered yet, by their `ref`. */

import { Refusal } from "./refusal.js";

export class Requests {
  #waiting = new Map();
  #last = 0;

  /** @returns {{message: object, answer: Promise<object>}} the message with its `ref`, and what will answer it */
  add(message) {
    this.#last += 1;
    const asked = { ...message, ref: this.#last };
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(asked.ref, { message: asked, resolve, reject });
    });
    return { message: asked, answer };
  }

  /** Gives an answer to whoever asked. @returns {boolean} whether anybody had */
  settle(message) {
    const waiting = this.#waiting.get(message.ref);
    if (!waiting) return false;
    this.#waiting.delete(message.ref);
    if (message.type === "error") waiting.reject(Refusal.ofMessage(message));
    else waiting.resolve(message);
    return true;
  }

  refuse(ref, refusal) {
    this.#waiting.get(ref)?.reject(refusal);
    this.#waiting.delete(ref);
  }

  /**
   * The line is lost. What carries an `op` may be asked again, for the server answers the same `op` once; the rest is refused.
   * @returns {void}
   */
  lose() {
    for (const [ref, { message }] of this.#waiting) if (!message.op) this.refuse(ref, Refusal.offline());
  }

  /** Whoever asked is not there any more: nothing is asked again. */
  forget() {
    for (const ref of [...this.#waiting.keys()]) this.refuse(ref, Refusal.offline());
  }

  /** @returns {object[]} what to send again over a new line */
  unanswered() {
    return Array.from(this.#waiting.values(), ({ message }) => message);
  }
}
