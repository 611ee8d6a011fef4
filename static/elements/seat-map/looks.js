/** How a seat stands for this buyer. Pure: the one place where numbers become a look and words. */

export const Look = Object.freeze({ UNKNOWN: 0, AVAILABLE: 1, HELD: 2, SOLD: 3, MINE: 4, WAITING: 5 });

const WORDS = {
  [Look.UNKNOWN]: "not known yet",
  [Look.AVAILABLE]: "available",
  [Look.HELD]: "held by somebody else",
  [Look.SOLD]: "not available",
  [Look.MINE]: "yours, held for you",
  [Look.WAITING]: "just a moment",
};

/**
 * @param {{available: number, held: number} | null} numbers null before the first snapshot
 * @param {number} quantity how much of it this session has
 * @param {boolean} waiting whether the server has yet to answer about it
 */
export function lookOf(numbers, quantity, waiting) {
  if (waiting) return Look.WAITING;
  if (quantity > 0) return Look.MINE;
  if (numbers === null) return Look.UNKNOWN;
  if (numbers.available > 0) return Look.AVAILABLE;
  return numbers.held > 0 ? Look.HELD : Look.SOLD;
}

/** @returns {string} the look's name in lower case */
export function nameOf(look) {
  return Object.keys(Look).find((name) => Look[name] === look).toLowerCase();
}

/** @returns {string} the look in words, for people who do not see it */
export function wordsOf(look) {
  return WORDS[look];
}

const SHORT = { [Look.HELD]: "being bought", [Look.SOLD]: "gone", [Look.MINE]: "yours", [Look.UNKNOWN]: "…" };

/** @returns {string} the same where room is short */
export function shortWordsOf(look) {
  return SHORT[look] ?? WORDS[look];
}

/** @returns {boolean} whether choosing such a seat can do anything */
export function canChoose(look) {
  return look === Look.AVAILABLE || look === Look.MINE;
}
