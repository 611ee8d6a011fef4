/** The booking of this session that still waits for its payment. */

import { get } from "../client/http.js";

/** @returns {Promise<object | null>} */
export async function pendingBooking() {
  const { items } = await get("/api/bookings");
  return items.find(({ status }) => status === "pending") ?? null;
}
