/** What a buyer is told beforehand of an owner who decides on each booking. Pure. */

import { lengthWords } from "../client/grid.js";

/** @param {object[]} resources of a cart @returns {string} empty where nobody has to approve */
export function approvalWords(resources) {
  const times = resources.map(({ policy }) => policy?.approval_seconds).filter(Boolean);
  if (times.length === 0) return "";
  return `The owner confirms each booking, within ${lengthWords(Math.ceil(Math.max(...times) / 60))}. Until then the place is kept for you; without a yes you pay nothing.`;
}
