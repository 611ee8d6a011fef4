/** How many digits a currency's minor unit has (ISO 4217): 2 but for these. A test holds it to server/currencies.py. */

const NO_DIGITS = new Set("bif clp djf gnf isk jpy kmf krw pyg rwf ugx vnd vuv xaf xof xpf".split(" "));
const THREE_DIGITS = new Set("bhd iqd jod kwd lyd omr tnd".split(" "));

/** @param {string} currency in lower case @returns {number} 2 for `usd`, 0 for `jpy`, 3 for `kwd`, whatever the browser thinks */
export function exponent(currency) {
  if (NO_DIGITS.has(currency)) return 0;
  return THREE_DIGITS.has(currency) ? 3 : 2;
}
