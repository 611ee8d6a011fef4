/**
 * Makes an element. Text goes in as text, never as HTML.
 * @param {string} name such as `button`, or `button.primary.large`
 * @param {object} [facts] properties; `aria-…`, `data-…`, `role` and `for` become attributes, `on…` listeners
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElement}
 */
export function make(name, facts = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(facts)) set(element, key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function set(element, key, value) {
  if (value === undefined || value === null) return;
  if (/^(aria-|data-|role$|for$)/.test(key)) element.setAttribute(key, value);
  else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else element[key] = value;
}

export const SVG = "http://www.w3.org/2000/svg";

/** @param {string} path of a 24 × 24 icon drawn by its stroke @returns {SVGElement} hidden from screen readers */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  const facts = { viewBox: "0 0 24 24", width: "20", height: "20", fill: "none", stroke: "currentColor", "aria-hidden": "true" };
  for (const [key, value] of Object.entries(facts)) svg.setAttribute(key, value);
  for (const [key, value] of Object.entries({ "stroke-width": "2", "stroke-linecap": "round", "stroke-linejoin": "round" })) svg.setAttribute(key, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
