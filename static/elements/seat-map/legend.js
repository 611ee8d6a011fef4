/** What colours and signs mean: price categories, which can be brought out, and the key to the seats' looks. */

import { shortMoney } from "../../client/money.js";
import { make } from "../make.js";
import { Look } from "./looks.js";
import { drawSeat } from "./seat-shape.js";

const SIGNS = [
  [Look.AVAILABLE, false, "Available"],
  [Look.MINE, false, "Yours"],
  [Look.HELD, false, "Being bought"],
  [Look.SOLD, false, "Gone"],
  [Look.AVAILABLE, true, "Wheelchair"],
];

/**
 * Fills a legend with a chip for each category.
 * @param {HTMLElement} root @param {Plan} plan @param {object} ink @param {(dimmed: Set<number>) => void} highlight
 */
export function buildLegend(root, plan, ink, highlight) {
  const chips = plan.categories.map(({ name, price }, number) => {
    const dot = make("span.dot");
    dot.style.setProperty("--dot", ink.categories[number].fill);
    const chip = make("button.chip", { type: "button", "aria-pressed": "false" }, dot, name || "Places", make("span.price", {}, shortMoney(price)));
    chip.addEventListener("click", () => press(root, chip, number, highlight));
    return chip;
  });
  root.replaceChildren(...chips);
}

/** One category at a time stands out; pressed again, none does. */
function press(root, chip, number, highlight) {
  const on = chip.getAttribute("aria-pressed") !== "true";
  for (const other of root.children) other.setAttribute("aria-pressed", String(on && other === chip));
  const others = [...root.children].map((_, place) => place).filter((place) => place !== number);
  highlight(new Set(on ? others : []));
}

/** @param {HTMLElement} root @param {{ink: object, accessible: boolean, mine: boolean}} facts which signs occur */
export function buildKey(root, { ink, accessible, mine }) {
  const signs = SIGNS.filter(([look, square]) => (square ? accessible : mine || look !== Look.MINE));
  root.replaceChildren(...signs.map(([look, square, words]) => make("li", {}, sign(look, square, ink), words)));
}

function sign(look, accessible, ink) {
  const canvas = make("canvas", { width: 36, height: 36 });
  const context = canvas.getContext("2d");
  context.setTransform(2, 0, 0, 2, 18, 18);
  drawSeat(context, look, { size: 18, ink, fill: ink.held, text: ink.floor, accessible, letters: "", font: ink.font });
  return canvas;
}
