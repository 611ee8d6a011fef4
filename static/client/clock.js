/** The server's clock, as far as this browser can know it. A buyer's own clock may be minutes off. */

const STEP_BACK = 0.2;

export class ServerClock {
  #now;
  #offset = null;

  /** @param {() => number} now this machine's milliseconds since the Unix epoch */
  constructor(now = Date.now) {
    this.#now = now;
  }

  /**
   * Takes one reading. A message can only be late, never early, so the greatest offset seen is the nearest to the truth;
   * a smaller one is let in slowly, which follows a clock that drifts or is set.
   */
  observe(serverTime) {
    const offset = serverTime - this.#now();
    if (this.#offset === null || offset > this.#offset || this.#offset - offset > 60_000) this.#offset = offset;
    else this.#offset += (offset - this.#offset) * STEP_BACK;
  }

  /** @returns {number} the server's milliseconds since the Unix epoch; this machine's until the server has spoken */
  now() {
    return this.#now() + (this.#offset ?? 0);
  }

  /** @returns {number} milliseconds left until `expiresAt`, never below 0 */
  left(expiresAt) {
    return Math.max(0, expiresAt - this.now());
  }
}
