/** What is left of a slot with a capacity, in words and as a share. Pure. */

const FEW = 0.2;
const MOST_AT_ONCE = 10;

/** @returns {number} how many can be asked for at once */
export function mostOf(available) {
  return Math.min(available, MOST_AT_ONCE);
}

/** @returns {boolean} whether a slot's start lies in the past, by a clock in milliseconds: then nobody can hold it */
export function hasBegun({ starts_at: start }, now) {
  return Boolean(start) && Date.parse(start) <= now;
}

/** @returns {{level: string, text: string, share: number, available: number, mine: number, waiting: boolean, canTake: boolean}} */
export function stockOf({ capacity }, numbers, mine, waiting, begun = false) {
  const available = numbers && !begun ? numbers.available : 0;
  const share = capacity > 0 ? available / capacity : 0;
  const facts = { share, available, mine, waiting, canTake: available > 0 && mine === 0 && !waiting };
  if (waiting) return { ...facts, level: "waiting", text: "Just a moment…" };
  if (mine > 0) return { ...facts, level: "mine", text: `${mine} held for you` };
  if (begun) return { ...facts, level: "begun", text: "Has begun" };
  if (numbers === null) return { ...facts, level: "unknown", text: "…" };
  if (available === 0) return { ...facts, level: numbers.held > 0 ? "held" : "gone", text: numbers.held > 0 ? "All being bought" : "Sold out" };
  if (share <= FEW) return { ...facts, level: "few", text: `Only ${available} left` };
  return { ...facts, level: "plenty", text: `${available} left` };
}
