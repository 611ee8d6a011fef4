/**
 * Finds places that are booked by time, as they are free at this moment. Times are those of the place: where places are in several
 * time zones, nine o'clock is asked for in each.
 */

import { daysLater, momentAt } from "./days.js";
import { minutesOf } from "./grid.js";
import { get } from "./http.js";

const MOST = 200;

/**
 * @param {{text: string, day: string, from: string, to: string}} wish clocks as `09:00`; one that ends when it begins or before ends
 *   on the next day
 * @returns {[string, string]} the range there
 */
export function rangeThere({ day, from, to }, zone) {
  const [start, end] = [minutesOf(from), minutesOf(to)];
  const last = end > start ? day : daysLater(day, 1);
  return [momentAt(day, start, zone), momentAt(last, end, zone)].map((moment) => new Date(moment).toISOString());
}

/** @returns {Promise<object[]>} places with the `range`, its `price` and how many are `free` @throws {Refusal} */
export async function findPlaces(wish, read = get) {
  const known = await read(`/api/resources?${new URLSearchParams({ kind: "grid", limit: String(MOST), ...(wish.text && { q: wish.text }) })}`);
  const zones = [...new Set(known.items.map(({ time_zone: zone }) => zone))];
  const found = await Promise.all(zones.map((zone) => findIn(zone, wish, read)));
  return found.flat().sort((one, other) => one.price.amount - other.price.amount || one.title.localeCompare(other.title));
}

async function findIn(zone, wish, read) {
  const [from, to] = rangeThere(wish, zone);
  const query = { kind: "grid", from, to, limit: String(MOST), ...(wish.text && { q: wish.text }) };
  const { items } = await read(`/api/resources?${new URLSearchParams(query)}`);
  return items.filter(({ time_zone: there }) => there === zone);
}
