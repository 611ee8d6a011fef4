/** Calls `bark` when nobody has fed it for `limit` milliseconds. */
export class Watchdog {
  #timers;
  #bark;
  #limit = 0;
  #fed = 0;
  #timer = null;

  /** @param {{now(): number, setTimeout: Function, clearTimeout: Function}} timers */
  constructor(timers, bark) {
    this.#timers = timers;
    this.#bark = bark;
  }

  start(limit) {
    this.#limit = limit;
    this.feed();
    this.#arm(limit);
  }

  feed() {
    this.#fed = this.#timers.now();
  }

  get overdue() {
    return this.#timer !== null && this.#timers.now() - this.#fed > this.#limit;
  }

  stop() {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** One timer that looks again when it could first be due, rather than one set anew for every message. */
  #arm(wait) {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = this.#timers.setTimeout(() => this.#look(), wait);
  }

  #look() {
    const left = this.#limit - (this.#timers.now() - this.#fed);
    if (left > 0) this.#arm(left);
    else {
      this.#timer = null;
      this.#bark();
    }
  }
}
