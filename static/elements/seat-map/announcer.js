/** Says things to screen readers, one at a time and not too often. Of a topic only the newest is said. */

const PAUSE = 1500;

export class Announcer {
  #say;
  #timers;
  #waiting = new Map();
  #timer = null;

  /** @param {(text: string) => void} say writes into a live region */
  constructor(say, timers = { setTimeout: (task, wait) => setTimeout(task, wait) }) {
    this.#say = say;
    this.#timers = timers;
  }

  announce(topic, text) {
    this.#waiting.delete(topic);
    this.#waiting.set(topic, text);
    if (this.#timer === null) this.#next();
  }

  #next() {
    this.#timer = null;
    const [first] = this.#waiting;
    if (!first) return;
    this.#waiting.delete(first[0]);
    this.#say(first[1]);
    this.#timer = this.#timers.setTimeout(() => this.#next(), PAUSE);
  }
}
