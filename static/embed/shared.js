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

/**
 * @param {"light" | "dark" | null} scheme null: the visitor's own
 * @returns {Promise<CSSStyleSheet[]>} Holdfast's own, for shadow trees; a page's styles stay the page's
 */
export async function sharedStyles(scheme = null) {
  sheets ??= Promise.all(SHEETS.map(readSheet));
  const found = await sheets;
  return scheme ? [...found, colours(found[0], scheme)] : found;
}

async function readSheet(name) {
  const sheet = new CSSStyleSheet();
  const answer = await fetch(new URL(`../styles/${name}.css`, import.meta.url), { credentials: "omit" });
  sheet.replaceSync(answer.ok ? await answer.text() : "");
  return sheet;
}

/** The tokens of one scheme, whatever the visitor's is: the dark ones stand in the sheet's only condition. */
function colours(tokens, scheme) {
  const rules = [...tokens.cssRules];
  const dark = rules.filter((rule) => rule instanceof CSSMediaRule).flatMap((rule) => [...rule.cssRules]);
  const light = rules.filter((rule) => rule instanceof CSSStyleRule);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync((scheme === "dark" ? [...light, ...dark] : light).map(({ cssText }) => cssText).join("\n"));
  return sheet;
}
