/** What a booking's states mean to its buyer. Pure. */

const ALIVE = { tone: "warn", sign: "clock", pays: true };

/**
 * @param {{status: string, payment_status: string, cancel_reason: string | null}} booking
 * @returns {{tone: "good" | "warn" | "bad", sign: string, title: string, text: string, pays?: boolean}} `pays`: it can still be paid
 */
export function wordsOf({ status, payment_status: payment, cancel_reason: reason }) {
  if (status === "pending") return pendingWords(payment);
  if (status === "cancelled") return cancelledWords(payment, reason);
  if (payment === "disputed") return { tone: "warn", sign: "tick", title: "You're booked", text: "Your bank has asked us about this payment. We will be in touch." };
  return { tone: "good", sign: "tick", title: status === "completed" ? "That was it" : "You're booked", text: status === "completed" ? "Thank you for coming." : "Your places are yours. Show the reference at the door." };
}

function pendingWords(payment) {
  if (payment === "failed") return { ...ALIVE, tone: "bad", sign: "cross", title: "The payment didn't go through", text: "Nothing was charged, and your places are still yours. Try again, or pay another way." };
  if (payment === "authorized" || payment === "paid") return { ...ALIVE, pays: false, title: "Nearly there", text: "The payment has arrived and your booking is being confirmed." };
  return { ...ALIVE, title: "Waiting for your payment", text: "Your places stay yours while you pay. This page tells you as soon as it is done." };
}

function cancelledWords(payment, reason) {
  const refund = refundWords(payment);
  if (reason === "returned") return { tone: "warn", sign: "cross", title: "Booking cancelled", text: `Your places are back in your cart. ${refund}` };
  if (reason === "expired") return { tone: "bad", sign: "cross", title: "The time to pay has passed", text: `Your places are on sale again. ${refund}` };
  if (reason === "hold_expired") return { tone: "bad", sign: "cross", title: "Your places were gone", text: `They had been given back before you booked. ${refund}` };
  return { tone: "bad", sign: "cross", title: "Booking cancelled", text: `Its places are on sale again. ${refund}` };
}

function refundWords(payment) {
  if (payment === "refunded") return "What you paid has been given back in full.";
  if (payment === "partially_refunded") return "Part of what you paid has been given back.";
  if (payment === "paid" || payment === "authorized") return "What you paid is on its way back to you.";
  return "Nothing was charged.";
}
