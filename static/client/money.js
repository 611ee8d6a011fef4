/** Money is whole minor units and a currency; how it is written is the reader's locale. */

import { exponent } from "./currencies.js";

const formats = new Map();

function formatOf(currency, digits) {
  const key = `${currency} ${digits}`;
  if (!formats.has(key)) {
    const places = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formats.set(key, new Intl.NumberFormat(undefined, { style: "currency", currency: currency.toUpperCase(), ...places }));
  }
  return formats.get(key);
}

/** @param {{amount: number, currency: string}} money @returns {string} such as `€45.00` */
export function formatMoney({ amount, currency }) {
  const digits = exponent(currency);
  return formatOf(currency, digits).format(amount / 10 ** digits);
}

/** @returns {string} the same without `.00`, where room is short */
export function shortMoney({ amount, currency }) {
  const unit = 10 ** exponent(currency);
  return amount % unit === 0 ? formatOf(currency, 0).format(amount / unit) : formatMoney({ amount, currency });
}
