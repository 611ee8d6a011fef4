/** All elements of a page share one line to the server, and one set of styles; both are there once the first one asks. */

import { Holdfast } from "../client/holdfast.js";

const SHEETS = ["tokens", "base", "elements"];

let holdfast = null;
let sheets = null;

/** @returns {Holdfast} started */
export function sharedHoldfast() {
  if (!holdfast) {
    holdfast = new Holdfast();
    holdfast.start();
  }
  return holdfast;
}

/** @returns {Promise<CSSStyleSheet[]>} Holdfast's own, for shadow trees; a page's styles stay the page's */
export function sharedStyles() {
  sheets ??= Promise.all(SHEETS.map(readSheet));
  return sheets;
}

async function readSheet(name) {
  const sheet = new CSSStyleSheet();
  const answer = await fetch(new URL(`../styles/${name}.css`, import.meta.url), { credentials: "omit" });
  sheet.replaceSync(answer.ok ? await answer.text() : "");
  return sheet;
}
