/** What a payer of a share is told. Pure. */

import { formatMoney } from "../client/money.js";

const PAID = new Set(["authorized", "paid"]);

/**
 * @param {{payment: {status: string, amount: object}, booking: {status: string, owed?: object}}} share
 * @param {string} until the deadline in words
 * @returns {{tone: "good" | "warn" | "bad", sign: string, title: string, text: string, pays?: boolean}} `pays`: it can still be paid
 */
export function shareState({ payment, booking }, until) {
  if (payment.withdrawn) return { tone: "warn", sign: "cross", title: "This share was taken back", text: `Whoever sent you this link pays it otherwise. ${refundWords(payment.status)}` };
  if (booking.status === "cancelled") return cancelled(payment.status);
  if (payment.status === "disputed") return { tone: "warn", sign: "tick", title: "Your share is paid", text: "Your bank has asked about this payment." };
  if (booking.status !== "pending") return ended(payment.status);
  if (!PAID.has(payment.status)) return open(payment, booking, until);
  return { tone: "good", sign: "tick", title: "Your share is paid", text: waiting(booking, until) };
}

function waiting({ owed }, until) {
  if (!owed || owed.amount === 0) return "Everybody has paid. The booking is being confirmed.";
  return `${formatMoney(owed)} of the bill is still open. If it isn't all paid by ${until}, you get your money back in full.`;
}

function open({ status }, booking, until) {
  const pays = { tone: "warn", sign: "clock", pays: true };
  if (status === "failed") return { ...pays, tone: "bad", sign: "cross", title: "The payment didn't go through", text: `Nothing was charged. You can try again until ${until}.` };
  return { ...pays, title: "Your share of the bill", text: `The booking stands once all shares are paid, by ${until}. Until then nobody is charged for good.` };
}

function ended(status) {
  if (PAID.has(status)) return { tone: "good", sign: "tick", title: "Paid, and booked", text: "Everybody has paid their share, and the places are booked." };
  if (status === "refunded") return { tone: "warn", sign: "cross", title: "Your share was given back", text: "The booking stands, and what you paid has been given back in full." };
  if (status === "partially_refunded") return { tone: "good", sign: "tick", title: "Paid, and booked", text: "Part of what you paid has been given back." };
  return { tone: "warn", sign: "cross", title: "This share is closed", text: "The booking was paid without it. Nothing was charged." };
}

function cancelled(status) {
  const unpaid = status === "refunded" ? "Not all of it was paid in time. " : "";
  return { tone: "bad", sign: "cross", title: "The booking was not made", text: unpaid + refundWords(status) };
}

function refundWords(status) {
  if (status === "refunded") return "What you paid has been given back in full.";
  if (status === "partially_refunded") return "Part of what you paid has been given back.";
  return PAID.has(status) ? "What you paid is on its way back to you in full." : "Nothing was charged.";
}
