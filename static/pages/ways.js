/** Where a booking is shown and where it is paid. Pure. */

/** @param {{id: string, change_of?: string | null}} booking @returns {string} an address; of a change, its booking's */
export function pageOf({ id, change_of: changed }) {
  return `/bookings/${encodeURIComponent(changed ?? id)}`;
}

/**
 * @param {{id: string}} booking @param {{client_secret?: string, redirect_url?: string} | null} payment null when its provider
 *   could not be reached: the page of payment goes on trying
 * @param {boolean} cards whether cards are taken on a page of ours
 * @returns {string} an address
 */
export function wayToPay({ id }, payment, cards) {
  const home = `/bookings/${encodeURIComponent(id)}`;
  if (payment?.redirect_url) return payment.redirect_url;
  return payment?.client_secret || (!payment && cards) ? `${home}/pay` : home;
}
