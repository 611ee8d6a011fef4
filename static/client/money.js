/** Money is whole minor units and a currency; how it is written is the reader's locale. */

const formats = new Map();

function formatOf(currency) {
  const code = currency.toUpperCase();
  if (!formats.has(code)) formats.set(code, new Intl.NumberFormat(undefined, { style: "currency", currency: code }));
  return formats.get(code);
}

/** @param {{amount: number, currency: string}} money @returns {string} such as `€45.00` */
export function formatMoney({ amount, currency }) {
  const format = formatOf(currency);
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** @returns {string} the same without `.00`, where room is short */
export function shortMoney(money) {
  const format = formatOf(money.currency);
  const digits = format.resolvedOptions().maximumFractionDigits;
  if (money.amount % 10 ** digits !== 0) return formatMoney(money);
  const whole = new Intl.NumberFormat(undefined, { style: "currency", currency: money.currency.toUpperCase(), maximumFractionDigits: 0 });
  return whole.format(money.amount / 10 ** digits);
}
