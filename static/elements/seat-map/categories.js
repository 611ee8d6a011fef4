/** The price categories of a resource. Pure. */

/**
 * @param {{category: string, price: {amount: number}}[]} slots
 * @param {{name: string, colour: string}[]} [described] in the order of the plan
 * @returns {{name: string, colour: string, price: {amount: number, currency: string}}[]} those on sale, each with its lowest price
 */
export function categoriesOf(slots, described = []) {
  const lowest = new Map();
  for (const { category, price } of slots) {
    const known = lowest.get(category);
    if (!known || price.amount < known.amount) lowest.set(category, price);
  }
  const known = described.filter(({ name }) => lowest.has(name));
  const names = new Set(known.map(({ name }) => name));
  const others = [...lowest.keys()].filter((name) => !names.has(name)).map((name) => ({ name, colour: "" }));
  return [...known, ...others].map(({ name, colour }) => ({ name, colour, price: lowest.get(name) }));
}
