/** What an embedded element was told by its attributes, and where it leads. Pure. Attributes are a stranger's: what does not hold counts as absent. */

import { rangeOf } from "../client/grid.js";

const ID = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,99}$/;
const VIEWS = ["day", "week"];
const SCHEMES = ["light", "dark"];

/** @param {string | null} given @returns {string | null} the id of a resource */
export function resourceId(given) {
  return given !== null && ID.test(given) ? given : null;
}

/** @param {string | null} given @returns {"day" | "week"} */
export function viewOf(given) {
  return VIEWS.includes(given) ? given : "week";
}

/** @param {string | null} given @returns {"light" | "dark" | null} null: the visitor's own */
export function schemeOf(given) {
  return SCHEMES.includes(given) ? given : null;
}

/** @param {string} origin of the server @param {{id: string}} resource @param {object | null} range in steps @returns {string} its page there */
export function bookingAddress(origin, resource, range = null) {
  const page = `${origin}/resources/${encodeURIComponent(resource.id)}`;
  if (range === null) return page;
  const [start, end] = rangeOf(resource, range);
  return `${page}?${new URLSearchParams({ start, end })}`;
}
