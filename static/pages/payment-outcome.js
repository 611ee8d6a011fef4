/** What Stripe.js answers to an attempt to pay, as one of a few outcomes, and each in words. Pure. */

const ARRIVED = new Set(["requires_capture", "succeeded", "processing"]);
const UNANSWERED = new Set(["api_connection_error", "api_error", "rate_limit_error"]);
const NOT_PROVEN = "payment_intent_authentication_failure";

/** @typedef {"arrived" | "declined" | "incomplete" | "unfinished" | "unanswered" | "closed" | "broken"} Outcome */

/**
 * @param {{paymentIntent?: object, error?: object}} answer of `confirmPayment`, `handleNextAction` or `retrievePaymentIntent`
 * @returns {{outcome: Outcome, reason: string}} `reason`: why it was declined, in Stripe's code
 */
export function outcomeOf({ paymentIntent, error }) {
  const intent = paymentIntent ?? error?.payment_intent;
  if (ARRIVED.has(intent?.status)) return { outcome: "arrived", reason: "" };
  if (intent?.status === "canceled") return { outcome: "closed", reason: "" };
  return error ? outcomeOfError(error) : outcomeOfStatus(intent);
}

function outcomeOfError({ type, code = "", decline_code: decline }) {
  if (type === "card_error" || code === NOT_PROVEN) return { outcome: "declined", reason: decline ?? code };
  if (type === "validation_error") return { outcome: "incomplete", reason: code };
  return { outcome: UNANSWERED.has(type) ? "unanswered" : "broken", reason: code };
}

function outcomeOfStatus(intent) {
  if (intent?.status === "requires_action") return { outcome: "unfinished", reason: "" };
  const failed = intent?.last_payment_error;
  return failed ? outcomeOfError({ type: "card_error", ...failed }) : { outcome: "unfinished", reason: "" };
}

const ANOTHER_CARD = "Please use another card or way to pay.";
const ONCE_MORE = "Please look at it once more.";
const DECLINES = {
  authentication_required: "Your bank wants to hear from you that it is you. Try again and confirm it.",
  [NOT_PROVEN]: "Your bank could not confirm that it is you. Try again, or pay another way.",
  card_not_supported: `This card can't be used for such a payment. ${ANOTHER_CARD}`,
  currency_not_supported: `This card can't pay in this currency. ${ANOTHER_CARD}`,
  expired_card: `This card has expired. ${ANOTHER_CARD}`,
  incorrect_cvc: `The security code was wrong. ${ONCE_MORE}`,
  incorrect_number: `The card's number was wrong. ${ONCE_MORE}`,
  incorrect_zip: `The postal code was wrong. ${ONCE_MORE}`,
  insufficient_funds: `There is not enough money on this card. ${ANOTHER_CARD}`,
  invalid_expiry_month: `The card's expiry date was wrong. ${ONCE_MORE}`,
  invalid_expiry_year: `The card's expiry date was wrong. ${ONCE_MORE}`,
  processing_error: "Your bank had a fault just then. Please try again in a moment.",
  try_again_later: "Your bank could not be asked just then. Please try again in a moment.",
  card_velocity_exceeded: `This card has reached its limit. ${ANOTHER_CARD}`,
  withdrawal_count_limit_exceeded: `This card has reached its limit. ${ANOTHER_CARD}`,
};

/** @param {string} reason Stripe's decline code, or its error code @returns {string} what it means and what to do */
export function declineWords(reason) {
  return `${DECLINES[reason] ?? `Your bank declined this payment. ${ANOTHER_CARD}`} Nothing was charged.`;
}

const SENTENCES = {
  incomplete: "Something is missing in the payment form.",
  unfinished: "The payment is not finished: your bank still waits for your confirmation. Press Pay to go on.",
  unanswered: "The payment service did not answer. Nothing was charged as far as we can see, and trying again can't charge you twice.",
  closed: "This payment was closed. Here is a new one.",
  broken: "The payment form could not be sent. Please try again, or pay another way. Nothing was charged.",
};

/** @param {{outcome: Outcome, reason: string}} outcome any but `arrived` @returns {string} a sentence for the payer */
export function outcomeWords({ outcome, reason }) {
  return outcome === "declined" ? declineWords(reason) : SENTENCES[outcome];
}
