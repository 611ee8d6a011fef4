/** What a booking's states mean to its buyer. Pure. */

import { formatMoney } from "../client/money.js";
import { formatMoment } from "../client/times.js";

const ALIVE = { tone: "warn", sign: "clock", pays: true };

/** The paths of the signs, on a ground of 24 by 24. */
export const SIGNS = { tick: "M5 13l4.5 4.5L19 7", clock: "M12 6.5V12l3.5 3.5", cross: "M7 7l10 10M17 7L7 17" };

/**
 * @param {{status: string, payment_status: string, cancel_reason: string | null, change_of?: string | null, total?: object, owed?: object, refunded?: object, approval?: object, items?: object[]}} booking
 * @returns {{tone: "good" | "warn" | "bad", sign: string, title: string, text: string, pays?: boolean}} `pays`: it can still be paid
 */
export function wordsOf(booking) {
  const { status, payment_status: payment } = booking;
  if (booking.change_of) return changeWords(booking);
  if (status === "pending" && booking.approval?.state === "awaited") return awaitedWords(booking);
  if (status === "pending") return pendingWords(booking);
  if (status === "cancelled") return cancelledWords(booking);
  const booked = { tone: "good", sign: "tick", title: status === "completed" ? "That was it" : "You're booked" };
  const text = status === "completed" ? "Thank you for coming." : yoursWords(booking);
  if (payment === "disputed") return { ...booked, tone: "warn", text: "Your bank has asked us about this payment. We will be in touch." };
  if (payment === "refunded") return { ...booked, tone: "warn", text: "What you paid has gone back to you in full. The booking stands; the organiser may get in touch." };
  if (payment === "partially_refunded") return { ...booked, text: `${text} ${refundWords(booking)}` };
  return { ...booked, text };
}

function yoursWords({ items = [] }) {
  return items.some(({ range }) => range) ? "The place is yours for that time. Have the reference with you." : "Your places are yours. Show the reference at the door.";
}

const UNCHARGED = {
  authorized: "Your card is charged only if they say yes; if they say no, or nothing, it is not.",
  paid: "If they say no, or nothing, you get everything back.",
};

function awaitedWords({ approval, payment_status: payment }) {
  const until = formatMoment(approval.expires_at);
  const text = `The place is kept for you until the owner has answered, until ${until} at the latest. ${UNCHARGED[payment] ?? ""}`;
  return { ...ALIVE, pays: false, title: "Waits for the owner", text: text.trim() };
}

function pendingWords({ payment_status: payment, total, owed }) {
  const secured = total && owed ? total.amount - owed.amount : 0;
  if (owed ? secured > 0 && owed.amount === 0 : payment === "authorized" || payment === "paid") return { ...ALIVE, pays: false, title: "Nearly there", text: "The payment has arrived and your booking is being confirmed." };
  if (secured > 0) return { ...ALIVE, title: `${formatMoney(owed)} still to be paid`, text: "Your places stay yours until everybody has paid. If that is not done in time, everybody gets their money back in full." };
  if (payment === "failed") return { ...ALIVE, tone: "bad", sign: "cross", title: "The payment didn't go through", text: "Nothing was charged, and your places are still yours. Try again, or pay another way." };
  return { ...ALIVE, title: "Waiting for your payment", text: "Your places stay yours while you pay. This page tells you as soon as it is done." };
}

/** What is paid for a change is a booking of its own until the change is made, and then ends. */
function changeWords(booking) {
  const { status, cancel_reason: reason } = booking;
  if (reason === "changed") return { tone: "good", sign: "tick", title: "Your booking is changed", text: "It has what you asked for." };
  if (status === "cancelled") return { tone: "warn", sign: "cross", title: "The change was not made", text: `Your booking has not been changed. ${refundWords(booking)}` };
  const words = pendingWords(booking);
  if (status === "confirmed" || !words.pays) return { ...ALIVE, pays: false, title: "Nearly there", text: "The payment has arrived and your booking is being changed." };
  return words;
}

const CANCELLED = {
  returned: { tone: "warn", title: "Booking cancelled", text: "Your places are back in your cart." },
  expired: { title: "The time to pay has passed", text: "Your places are on sale again." },
  hold_expired: { title: "Your places were gone", text: "They had been given back before you booked." },
  payment_failed: { title: "The payment was not kept", text: "What your bank had promised could not be taken, so your places are on sale again." },
  by_buyer: { tone: "warn", title: "Booking cancelled", text: "It was cancelled by who had made it." },
  by_owner: { title: "The owner has cancelled", text: "What you had booked is not to be had any more. We are sorry." },
  declined: { title: "The owner has declined", text: "This place can't be had for that time. Another one may be free." },
  unanswered: { title: "The owner has not answered", text: "There was no answer in time, so the booking has ended." },
  disputed: { title: "Booking cancelled", text: "The payment was taken back through the bank, so the places are on sale again." },
};

function cancelledWords(booking) {
  const { cancel_reason: reason } = booking;
  const { tone = "bad", title, text } = CANCELLED[reason] ?? { title: "Booking cancelled", text: "Its places are on sale again." };
  return { tone, sign: "cross", title, text: `${text} ${refundWords(booking)}` };
}

function refundWords({ payment_status: payment, refunded }) {
  if (payment === "refunded") return "What you paid has been given back in full.";
  if (payment === "partially_refunded") return refunded?.amount > 0 ? `${formatMoney(refunded)} of what you paid has been given back.` : "Part of what you paid has been given back.";
  if (payment === "disputed") return "Your bank is looking into the payment.";
  if (payment === "paid" || payment === "authorized") return "What you paid is on its way back to you.";
  return "Nothing was charged.";
}
