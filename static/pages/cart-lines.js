/** A cart as lines to show. Pure. */

import { priceOf, rangeWords, stepsIn } from "../client/grid.js";
import { placeOf } from "../elements/seat-map/plan.js";
import { formatDay, formatTime } from "../client/times.js";

/** @returns {string} a slot in words: a seat by section and row, a start time by its moment */
export function slotTitle(slot, resource) {
  if (!slot) return "A place";
  if (!slot.starts_at || slot.row) return placeOf(slot);
  return `${formatDay(slot.starts_at, resource.time_zone)}, ${formatTime(slot.starts_at, resource.time_zone)}`;
}

/** The resource's title is left out on its own page. */
function detailOf(slot, resource, here) {
  return [resource?.id === here ? null : resource?.title, slot?.category].filter(Boolean).join(" · ");
}

/** @returns {string} a range of time in words; without its place's zone, in the viewer's */
export function rangeTitle(range, resource) {
  return rangeWords(range, resource?.time_zone);
}

function lineOf(hold, [slotId, quantity], resources, here) {
  const resource = resources.get(hold.resource);
  const slot = resource?.slots.find(({ id }) => id === slotId);
  const amount = hold.items.length === 1 ? hold.price.amount : slot && slot.price.amount * quantity;
  return {
    key: `${hold.id} ${slotId}`,
    hold,
    slot: slotId,
    title: hold.range && resource ? rangeTitle(hold.range, resource) : slotTitle(slot, resource),
    detail: detailOf(slot, resource, here),
    quantity,
    price: amount === undefined ? null : { amount, currency: hold.price.currency },
  };
}

function wishLine(resource, [slotId, quantity], here) {
  const slot = resource?.slots.find(({ id }) => id === slotId);
  return slot && {
    key: `wish ${slotId}`,
    title: slotTitle(slot, resource),
    detail: detailOf(slot, resource, here),
    quantity,
    price: { amount: slot.price.amount * quantity, currency: slot.price.currency },
    waiting: true,
  };
}

function wishedRange(resource, range, here) {
  const price = resource && priceOf(resource, stepsIn(resource, range));
  return resource && { key: `wish ${range[0]}`, title: rangeTitle(range, resource), detail: detailOf(null, resource, here), quantity: 1, price, waiting: true };
}

/**
 * @param {Cart} cart
 * @param {Map<string, object>} resources those of its holds, as far as they are known
 * @param {string} [here] the resource whose page this is
 * @returns {object[]} lines for <cart-panel>, wishes last; a `price` that needs a resource not known yet is null
 */
export function linesOf(cart, resources, here) {
  const held = cart.held.flatMap((hold) => hold.items.map((item) => lineOf(hold, item, resources, here)));
  for (const line of held) line.waiting = cart.waiting(line.hold.resource, line.slot);
  const wished = cart.wishes.flatMap(({ resource, items, range }) => {
    const known = resources.get(resource);
    if (range) return [wishedRange(known, range, here)];
    return items.filter(([, quantity]) => quantity > 0).map((item) => wishLine(known, item, here));
  });
  return [...held, ...wished.filter(Boolean)];
}

/** @returns {{amount: number, currency: string} | null} what the lines cost together; null while that is not known of each */
export function totalOf(lines) {
  if (lines.length === 0 || lines.some(({ price }) => !price)) return null;
  return { amount: lines.reduce((sum, { price }) => sum + price.amount, 0), currency: lines[0].price.currency };
}
