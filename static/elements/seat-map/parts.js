/** What a <seat-map> consists of. */

import { icon, make } from "../make.js";

const ICONS = { in: "M12 5v14M5 12h14", out: "M5 12h14", all: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" };

/**
 * @param {HTMLElement} cursor the keyboard's place
 * @param {{showList: (list: boolean) => void, zoomIn: () => void, zoomOut: () => void, zoomAll: () => void}} meanings of buttons
 * @returns {Record<string, HTMLElement>} each by its name; `all` are those to put into the element
 */
export function buildParts(cursor, meanings) {
  const parts = {
    legend: make("div.legend", { role: "group", "aria-label": "Highlight a price category" }),
    mapButton: make("button", { type: "button", "aria-pressed": "true", onclick: () => meanings.showList(false) }, "Map"),
    listButton: make("button", { type: "button", "aria-pressed": "false", onclick: () => meanings.showList(true) }, "List"),
    ground: make("canvas", { "aria-hidden": "true" }),
    seats: make("canvas", { "aria-hidden": "true" }),
    tip: make("div.tip", { hidden: true, "aria-hidden": "true" }),
    key: make("ul.key", { "aria-hidden": "true" }),
    list: make("div.list", { hidden: true, role: "region", "aria-label": "Places as a list" }),
    veil: make("div.veil", { hidden: true }),
    live: make("div.hush", { role: "status", "aria-live": "polite" }),
    tools: buildTools(meanings),
  };
  parts.views = make("div.views", { role: "group", "aria-label": "View" }, parts.mapButton, parts.listButton);
  parts.bar = make("div.bar", {}, parts.legend, parts.views);
  parts.stage = make("div.stage", { role: "group" }, parts.ground, parts.seats, cursor, parts.key, parts.tools, parts.tip);
  parts.all = [parts.bar, parts.stage, parts.list, parts.veil, parts.live];
  return parts;
}

/** A wall screen has nothing to press. */
export function becomeReadonly({ views, tools, bar, stage }, cursor) {
  for (const part of [views, tools, cursor]) part.remove();
  for (const part of [bar, stage]) part.inert = true;
}

function buildTools({ zoomIn, zoomOut, zoomAll }) {
  const tool = (name, label, act) =>
    make("button", { type: "button", "aria-label": label, title: label, onclick: act, onpointerdown: (event) => event.stopPropagation() }, icon(ICONS[name]));
  return make(
    "div.tools",
    { role: "group", "aria-label": "Zoom" },
    tool("in", "Zoom in", zoomIn),
    tool("out", "Zoom out", zoomOut),
    tool("all", "Show everything", zoomAll),
  );
}
