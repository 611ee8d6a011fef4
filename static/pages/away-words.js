/** When nobody answers on the way to a payment: whose fault it looks like, what to say, when to try again. Pure. */

import { sentence } from "../client/wording.js";

const AWAY = new Set(["offline", "unavailable", "overloaded", "internal", "rate_limited"]);
const WAITS = [2000, 4000, 8000, 15_000];

/** @returns {boolean} whether asking again may help; else the refusal is an answer */
export function isAway({ name, code = "", retryAfter = null }) {
  return name === "FormUnreachable" || AWAY.has(code) || retryAfter !== null || /^http_5/.test(code);
}

/** @param {string} until the deadline in words, empty if there is none @param {boolean} online @returns {string} */
export function awayWords(until, online) {
  const cause = online ? "The payment service isn't answering just now." : "You are offline.";
  const kept = until ? ` The places are kept until ${until}, and nothing is charged meanwhile.` : " Nothing is charged meanwhile.";
  return `${cause}${kept} This page keeps trying by itself.`;
}

/** @param {Refusal} refusal of something about a payment @returns {string} a sentence for whoever pays */
export function paymentSentence(refusal) {
  const away = refusal.code === "unavailable";
  return away ? "The payment service isn't answering just now. Nothing was changed; please try again in a moment." : sentence(refusal);
}

/** @param {number} attempt 0 for the first @param {number | null} retryAfter seconds that the server asked for @returns {number} milliseconds */
export function waitBefore(attempt, retryAfter = null) {
  const own = WAITS[Math.min(attempt, WAITS.length - 1)];
  return Math.max(own, (retryAfter ?? 0) * 1000);
}
