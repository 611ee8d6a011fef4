/** What can be booked, fetched once per layout. */

import { readApart } from "./apart.js";
import { get } from "./http.js";

const kept = new Map();

/** @param {Record<string, string>} [wanted] such as `{owner}` @returns {Promise<object[]>} resources, without their slots @throws {Refusal} */
export async function listResources(wanted = {}) {
  const items = [];
  let after = {};
  while (after) {
    const page = await get(`/api/resources?${new URLSearchParams({ ...wanted, ...after })}`);
    items.push(...page.items);
    after = page.next && { after: page.next };
  }
  return items;
}

/** @returns {Promise<object>} one resource with its slots; asked for again after `forget` @throws {Refusal} */
export function resource(id) {
  if (!kept.has(id)) kept.set(id, fetchResource(id));
  return kept.get(id);
}

/** @returns {Promise<object>} a grid with the slots of other days than those that are shown unasked; both days included @throws {Refusal} */
export function resourceOn(id, from, to) {
  return get(`/api/resources/${encodeURIComponent(id)}?${new URLSearchParams({ from, to })}`);
}

/** Its layout has changed. */
export function forget(id) {
  kept.delete(id);
}

async function fetchResource(id) {
  try {
    const answer = await get(`/api/resources/${encodeURIComponent(id)}`, { read: readApart });
    return answer.resource ?? answer;
  } catch (refusal) {
    kept.delete(id);
    throw refusal;
  }
}
