/** The words beside the mouse. */

import { formatMoney } from "../../client/money.js";
import { make } from "../make.js";
import { placeOf } from "./plan.js";

const EDGE = 4;

/** @param {HTMLElement} tip @param {object} slot @param {string} words of its look */
export function fillTip(tip, slot, words) {
  const facts = [slot.category, formatMoney(slot.price)].filter(Boolean).join(" · ");
  const state = slot.accessible ? `Wheelchair place, ${words}` : words;
  tip.replaceChildren(make("b", {}, placeOf(slot)), make("span", {}, facts), make("br"), make("span", {}, state));
}

/** Puts it above the seat, or below where there is no room. @param {{x: number, y: number}} at @param {number} seat its size */
export function placeTip(tip, at, seat, width) {
  const above = at.y - tip.offsetHeight - seat * 0.7;
  const top = above > EDGE ? above : at.y + seat * 0.7;
  const left = Math.min(Math.max(EDGE, at.x - tip.offsetWidth / 2), width - tip.offsetWidth - EDGE);
  tip.style.transform = `translate(${left}px, ${top}px)`;
}
