/** What can be booked, fetched once per layout. */

import { readApart } from "./apart.js";
import { get } from "./http.js";
import { reread } from "./rereading.js";

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

/**
 * Reads a resource anew each time whoever follows it is told of another layout, until it is of that layout or of a later one.
 * @param {Availability} availability @param {string} id
 * @param {{shows: (fetched: object) => void, refused: (refusal: Refusal) => void}} tells hear of it, or that it can't be had any more
 * @param {{signal?: AbortSignal, random?: () => number, later?: Function}} [options] as of `reread`
 */
export function followLayout(availability, id, { shows, refused }, options) {
  let wanted = null;
  const read = () => {
    forget(id);
    return resource(id);
  };
  availability.addEventListener("layout", async ({ detail: layout }) => {
    const isReading = wanted !== null;
    wanted = layout;
    if (isReading) return;
    try {
      shows(await reread(read, (fetched) => fetched.layout >= wanted, options));
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      refused(refusal);
    } finally {
      wanted = null;
    }
  });
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
