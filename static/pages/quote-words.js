/** A cart's price in another currency. Pure. */

/** @returns {boolean} whether there is anything to choose */
export function offersChoice(quote) {
  return (quote?.supported?.length ?? 0) > 1;
}

/** @returns {string} such as `GBP · British Pound` */
export function currencyTitle(code, names = new Intl.DisplayNames(undefined, { type: "currency", fallback: "none" })) {
  const name = names.of(code.toUpperCase());
  return name ? `${code.toUpperCase()} · ${name}` : code.toUpperCase();
}

/** @returns {string} such as `1 EUR = 0.8431 GBP` */
export function rateOf(base, rate, currency) {
  return `1 ${base.toUpperCase()} = ${Number(rate)} ${currency.toUpperCase()}`;
}

/** @returns {string} at which rate the price stands; empty in the currency that the prices are made in */
export function rateWords({ currency, supported: [base], rate }) {
  if (!rate || base === currency) return "";
  return `${rateOf(base, rate, currency)}. This rate is kept for your cart.`;
}
