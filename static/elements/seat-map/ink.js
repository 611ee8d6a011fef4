/** The colours that the page's style sheet gives to the map, read once for each painting of everything. */

import { inkOn, legible } from "./colour.js";

const NAMES = {
  paper: "--map-paper",
  floor: "--map-floor",
  area: "--map-area",
  edge: "--map-edge",
  text: "--map-text",
  faint: "--map-faint",
  held: "--map-held",
  sold: "--map-sold",
  mine: "--map-mine",
  mineText: "--map-mine-text",
  accent: "--map-accent",
  stage: "--map-stage",
  stageText: "--map-stage-text",
};

/** Least contrast of what carries meaning against its background: WCAG 1.4.11. */
const GRAPHIC = 3;

/**
 * @param {Element} element whose custom properties count
 * @param {{colour: string}[]} categories
 * @returns {object} a colour for each name, `fonts`, and `categories`: `{fill, text}` each
 */
export function inkOf(element, categories) {
  const style = getComputedStyle(element);
  const ink = Object.fromEntries(Object.entries(NAMES).map(([name, property]) => [name, style.getPropertyValue(property).trim()]));
  ink.font = style.fontFamily;
  ink.categories = categories.map(({ colour }, number) => {
    const fill = legible(colour, ink.floor, GRAPHIC, number);
    return { fill, text: inkOn(fill) };
  });
  return ink;
}
