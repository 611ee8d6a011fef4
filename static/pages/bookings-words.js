/** A booking in a list: what it is for, when, how it stands. Pure. */

import { wordsOf } from "./booking-words.js";

const LOOKS = 3;

/** @returns {number | null} milliseconds at which the first of it begins; over the socket times are numbers already */
export function beginOf({ starts_at: start }) {
  return start === null || start === undefined ? null : new Date(start).getTime();
}

/** @returns {number | null} milliseconds at which all of it is over, where something says so */
export function endOf({ ends_at: end }) {
  return end === null || end === undefined ? null : new Date(end).getTime();
}

/** @returns {boolean} whether it is over, or was given up */
export function isOver(booking, now) {
  const { status } = booking;
  const end = endOf(booking);
  return status === "cancelled" || status === "completed" || (end !== null && end <= now);
}

/** @returns {{tone: string, text: string}} one short word on how it stands */
export function standing(booking) {
  const { status, payment_status: payment, approval } = booking;
  if (status === "pending" && approval?.state === "awaited") return { tone: "warn", text: "Waits for the owner" };
  if (status === "pending") return { tone: "warn", text: payment === "failed" ? "Payment failed" : "To be paid" };
  if (status === "cancelled") return { tone: "bad", text: "Cancelled" };
  if (status === "completed") return { tone: "good", text: "Over" };
  return { tone: wordsOf(booking).tone, text: payment === "disputed" ? "In dispute" : "Booked" };
}

/** What is told of a booking may come before HTTP says the same, by as long as a commit takes: so it is read again, a few times.
 * @param {() => Promise<object>} read @param {() => Promise<void>} pause @returns {Promise<object>} the booking as it was read last */
export async function readAsTold(told, read, pause) {
  let booking = await read();
  for (let looks = 1; looks < LOOKS && isOther(booking, told); looks += 1) {
    await pause();
    booking = await read();
  }
  return booking;
}

function isOther(booking, told) {
  return booking.status !== told.status || booking.payment_status !== told.payment_status;
}

/** Those that come first stand first; what is over, the latest first. @returns {{coming: object[], over: object[]}} */
export function sorted(bookings, now) {
  const coming = bookings.filter((booking) => !isOver(booking, now));
  const over = bookings.filter((booking) => isOver(booking, now));
  const soonest = (booking) => beginOf(booking) ?? Infinity;
  return { coming: coming.toSorted((one, other) => soonest(one) - soonest(other) || newest(one, other)), over: over.toSorted(newest) };
}

function newest(one, other) {
  return Date.parse(other.created_at) - Date.parse(one.created_at);
}
