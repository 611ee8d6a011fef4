/** How a step of time looks, and in which words. Pure. */

export const Look = Object.freeze({
  FREE: "free",
  MINE: "mine",
  WAITING: "waiting",
  HELD: "held",
  TAKEN: "taken",
  KEPT: "kept",
  SOON: "soon",
  PAST: "past",
  CLOSED: "closed",
  UNKNOWN: "unknown",
});

/** Short words stand in the step itself, long ones are said. */
const WORDS = {
  [Look.FREE]: ["Free", "free"],
  [Look.MINE]: ["Yours", "yours"],
  [Look.WAITING]: ["…", "being asked for"],
  [Look.HELD]: ["Held", "held by somebody else"],
  [Look.TAKEN]: ["Booked", "booked"],
  [Look.KEPT]: ["Kept", "kept free after your time"],
  [Look.SOON]: ["Too soon", "too soon to be booked"],
  [Look.PAST]: ["Past", "past"],
  [Look.CLOSED]: ["Closed", "closed"],
  [Look.UNKNOWN]: ["…", "not known yet"],
};

/** What the key shows, in its order. */
export const KEY = [Look.FREE, Look.MINE, Look.HELD, Look.TAKEN, Look.CLOSED, Look.PAST];

/**
 * @param {{start: number, closed: boolean}} step `start` in milliseconds
 * @param {{numbers: {available: number, held: number} | null, mine?: "mine" | "waiting" | "kept" | null, now: number, notice?: number}} facts
 *   `mine`: what the step is to this buyer; `notice` in milliseconds
 */
export function lookOf({ start, closed }, { numbers, mine = null, now, notice = 0 }) {
  if (mine === "mine") return Look.MINE;
  if (start <= now) return Look.PAST;
  if (closed) return Look.CLOSED;
  if (mine === "waiting") return Look.WAITING;
  if (numbers === null) return Look.UNKNOWN;
  if (numbers.available > 0) return start < now + notice ? Look.SOON : Look.FREE;
  if (mine === "kept") return Look.KEPT;
  return numbers.held > 0 ? Look.HELD : Look.TAKEN;
}

export function shortWordsOf(look) {
  return WORDS[look][0];
}

export function wordsOf(look) {
  return WORDS[look][1];
}

/** @returns {string} of a free step of a place for several, such as `3 left` */
export function leftWords(available, capacity) {
  return capacity > 1 ? `${available} left` : WORDS[Look.FREE][0];
}

/** Whether a range may take this step. */
export function canBook(look) {
  return look === Look.FREE;
}

/** Whether this step has somebody's time in it, so that nothing may end close before it. */
export function isInUse(look) {
  return look === Look.HELD || look === Look.TAKEN || look === Look.MINE || look === Look.WAITING || look === Look.KEPT;
}
