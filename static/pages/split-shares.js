/** A bill split: how it is divided, and how its shares stand. Pure. */

const PAID = new Set(["authorized", "paid"]);
const SECURED = new Set([...PAID, "partially_refunded", "disputed"]);
const GIVEN_BACK = new Set(["refunded", "partially_refunded"]);

/** @returns {number[]} `amount` in `people` parts that differ by one minor unit at most, the greater ones first */
export function equalShares(amount, people) {
  const part = Math.floor(amount / people);
  const more = amount % people;
  return Array.from({ length: people }, (_, place) => part + (place < more ? 1 : 0));
}

/** @returns {number} into how many shares an amount can be split at most */
export function mostPeople(amount, limit = 10) {
  return Math.max(1, Math.min(limit, amount));
}

/**
 * @param {object[]} payments of a booking, oldest first
 * @returns {object[]} the newest attempt at each share that others may pay, in the order in which they were made; none that
 *   was taken back
 */
export function sharesOf(payments) {
  const newest = new Map();
  for (const payment of payments) {
    const { share } = payment;
    if (share && !PAID.has(newest.get(share)?.status)) newest.set(share, payment);
  }
  return [...newest.values()].filter(({ withdrawn }) => !withdrawn);
}

/** @returns {number} what nobody has paid or taken on, in minor units; the buyer's own attempt gives way to shares */
export function openOf({ amount }, payments) {
  const own = payments.filter(({ status, share }) => !share && SECURED.has(status));
  return [...own, ...sharesOf(payments)].reduce((left, payment) => left - payment.amount.amount, amount);
}

/** @returns {{status: string, amount: object} | null} the buyer's own part: what they have paid, else what is left to them */
export function ownShare(total, payments) {
  const paid = payments.filter(({ status, share }) => !share && SECURED.has(status));
  if (paid.length > 0) return paid.at(-1);
  const amount = openOf(total, payments);
  return amount > 0 ? { status: "pending", amount: { ...total, amount } } : null;
}

/** @returns {{tone: "good" | "warn" | "bad" | "plain", text: string, open: boolean}} how a share stands; `open`: it can be paid */
export function shareWords({ status }) {
  if (PAID.has(status)) return { tone: "good", text: "Paid", open: false };
  if (GIVEN_BACK.has(status)) return { tone: "plain", text: "Given back", open: false };
  if (status === "disputed") return { tone: "warn", text: "Disputed", open: false };
  if (status === "failed") return { tone: "bad", text: "Didn't go through", open: true };
  return { tone: "warn", text: "Not paid yet", open: true };
}

/** @returns {{amount: number, currency: string}} what of a booking is secured by now */
export function securedOf({ total, owed }) {
  return { amount: total.amount - (owed?.amount ?? total.amount), currency: total.currency };
}
