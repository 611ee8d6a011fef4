/** The booking form's values as the server wants them, and its refusals as words beside the fields. Pure. */

/**
 * @param {Record<string, string>} values @param {string} [currency] if it is to be paid in one that was chosen
 * @returns {{customer: object, special_requests?: string, driver_location?: string, currency?: string}} the body of `POST /api/bookings`;
 *   with a location only where the driver has chosen to tell it
 */
export function requestOf(values, currency) {
  const customer = { name: values["customer.name"].trim(), email: values["customer.email"].trim() };
  const phone = values["customer.phone"].trim();
  const requests = values.special_requests.trim();
  const location = values.driver_location?.trim();
  return {
    customer: phone ? { ...customer, phone } : customer,
    ...(requests && { special_requests: requests }),
    ...(location !== undefined && { driver_location: location }),
    ...(currency && { currency }),
  };
}

/** @returns {{field: string, message: string}[]} what can be seen to be missing without asking the server */
export function missingIn({ customer, driver_location: location }) {
  const empty = [["customer.name", customer.name], ["customer.email", customer.email], ["driver_location", location]].filter(([, value]) => value === "");
  return empty.map(([field]) => ({ field, message: "is empty" }));
}

/** @returns {string} such as `E-mail is empty.` */
export function complaint(label, message) {
  const words = /^(is|has|are)\b/.test(message) ? `${label} ${message}` : message;
  return /[.!?]$/.test(words) ? words : `${words}.`;
}
