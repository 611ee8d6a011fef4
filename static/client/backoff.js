/** How long to wait before the next attempt: full jitter, so that a crowd cut off at once does not come back at once. */

import { BACKOFF_BASE, BACKOFF_CAP } from "./protocol.js";

/**
 * @param {number} attempt 0 for the first attempt after a loss
 * @param {() => number} random in [0, 1)
 * @returns {number} milliseconds, evenly spread below a bound that doubles up to `cap`
 */
export function fullJitter(attempt, random = Math.random, cap = BACKOFF_CAP) {
  return random() * Math.min(cap, BACKOFF_BASE * 2 ** Math.min(attempt, 16));
}

/** @returns {number} milliseconds: what a `goodbye` asks for */
export function afterGoodbye({ after_ms: after = 0, spread_ms: spread = 0 }, random = Math.random) {
  return after + random() * spread;
}
