/** What a refusal means to a buyer, and what to do about it. */

const SENTENCES = {
  slot_taken: "Somebody was faster. Those places have just been taken.",
  hold_expired: "Some of your places were no longer held. Please choose again.",
  limit_exceeded: "That is more than one buyer may hold.",
  conflict: "That doesn't go with what is already in your cart.",
  rate_limited: "That was a lot at once. Please wait a moment and try again.",
  overloaded: "There is a rush just now. Please try again in a moment.",
  unavailable: "Holding is paused for a moment. Please try again shortly.",
  offline: "You seem to be offline. Nothing was changed.",
  unknown_resource: "This is not on sale any more.",
  unknown_slot: "This place does not exist any more.",
  not_found: "That could not be found.",
  unauthorized: "Your visit has ended. Reload the page to start again.",
  token_expired: "Your visit has ended. Reload the page to start again.",
  forbidden: "That is not allowed here.",
  self_booking: "Owners can't book what is their own.",
};

/** Codes whose own words from the server say more than ours. */
const TOLD_BY_SERVER = new Set(["limit_exceeded", "conflict", "invalid_range"]);

/** @param {{code: string, message: string}} refusal @returns {string} a sentence for the buyer */
export function sentence({ code, message }) {
  if (TOLD_BY_SERVER.has(code) && message && message !== code) return message;
  return SENTENCES[code] ?? "Something went wrong. Please try again.";
}

const ENDINGS = {
  deadline: "Your time ran out, so your places are on sale again.",
  expired: "Your time ran out, so your places are on sale again.",
  left: "Your places were given back while you were away.",
  gone: "Your places are no longer held. Please choose again.",
  lost: "We lost track of your places through a fault of ours. We are sorry; please choose again.",
  cancelled: "The booking was cancelled and its places are on sale again.",
};

/** @param {string} reason why a hold ended @returns {string | null} what to tell the buyer; null if it was their own act */
export function ending(reason) {
  return ENDINGS[reason] ?? null;
}
