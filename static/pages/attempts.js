/** A buyer's attempts at paying a booking. */

import { get } from "../client/http.js";

const path = (...parts) => `/api/${parts.map(encodeURIComponent).join("/")}`;

/**
 * The attempt by which all that is open can be paid: the live one, after a decline a new one.
 * @param {Session} session @param {object} booking @param {"element" | "checkout"} [via] a card form of ours, or the provider's own page
 * @returns {Promise<object>} the payment @throws {Refusal}
 */
export async function liveAttempt(session, booking, via) {
  const { payment } = await session.change("POST", path("bookings", booking.id, "payments"), via ? { via } : {});
  return payment;
}

/** A share that somebody else may pay. @param {number} amount in minor units @returns {Promise<object>} the payment @throws {Refusal} */
export async function newShare(session, { id }, amount) {
  const { payment } = await session.change("POST", path("bookings", id, "payments"), { amount });
  return payment;
}

/** Takes back a share that nobody has paid. @throws {Refusal} */
export async function withdrawShare(session, { share }) {
  await session.change("DELETE", path("payments", share));
}

/**
 * @returns {Promise<{items: object[], provider_available: boolean}>} every payment of a booking, oldest first, and whether
 *   more can be begun now @throws {Refusal}
 */
export function allAttempts({ id }) {
  return get(path("bookings", id, "payments"));
}

/** Has the server ask its provider now. @returns {Promise<object>} the payment as it is then @throws {Refusal} */
export async function checkAttempt(session, payment) {
  return (await session.change("POST", path("payments", payment, "check"), {}, "")).payment;
}
