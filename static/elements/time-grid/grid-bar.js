/** Above a board: which days there are, ways to earlier and later ones, and whether one day or a week is shown. */

import { daysLater } from "../../client/days.js";
import { formatMonth } from "../../client/times.js";
import { icon, make } from "../make.js";
import { dayWords, monthWords } from "./words.js";

const ICONS = { earlier: "M15 5l-7 7 7 7", later: "M9 5l7 7-7 7" };

export class GridBar {
  element;
  strip = make("div.strip", { role: "group", "aria-label": "Day" });
  #go;
  #view;
  #days = [];
  #buttons = new Map();
  #title = make("span.months");
  #jump;
  #earlier;
  #later;
  #views;

  /** @param {{go: (day: string) => void, view: (view: string) => void}} meanings */
  constructor({ go, view }) {
    this.#go = go;
    this.#view = view;
    this.#earlier = make("button.step", { type: "button", "aria-label": "Earlier days", onclick: () => go(this.#clamped(daysLater(this.#days[0], -7))) }, icon(ICONS.earlier));
    this.#later = make("button.step", { type: "button", "aria-label": "Later days", onclick: () => go(daysLater(this.#days.at(-1), 1)) }, icon(ICONS.later));
    this.#jump = make("input.jump", { type: "date", "aria-label": "Go to a day", onchange: () => this.#jumped() });
    this.#views = ["day", "week"].map((name) => make("button", { type: "button", "data-view": name, onclick: () => view(name) }, name === "day" ? "Day" : "Week"));
    const views = make("div.views", { role: "group", "aria-label": "View" }, ...this.#views);
    this.element = make("div.bar", {}, this.#earlier, this.#title, this.#later, this.#jump, views);
  }

  #clamped(day) {
    return day < this.#jump.min ? this.#jump.min : day;
  }

  #jumped() {
    const { value, min, max } = this.#jump;
    if (value && value >= min && value <= max) this.#go(value);
  }

  show({ days, day, week, today, last }) {
    this.#days = days;
    Object.assign(this.#jump, { min: today, max: last, value: day });
    this.#title.textContent = monthWords(days);
    this.#earlier.disabled = days[0] <= today;
    this.#later.disabled = days.at(-1) >= last;
    for (const button of this.#views) button.setAttribute("aria-pressed", String(week === (button.dataset.view === "week")));
    if (this.#buttons.size !== days.length || !days.every((each) => this.#buttons.has(each))) this.#fill(days);
    for (const [each, button] of this.#buttons) button.setAttribute("aria-pressed", String(!week && each === day));
    this.strip.toggleAttribute("data-week", week);
  }

  #fill(days) {
    this.#buttons = new Map(days.map((day) => [day, this.#button(day)]));
    this.strip.replaceChildren(...this.#buttons.values());
  }

  #button(day) {
    const [weekday, number] = dayWords(day);
    const month = make("span.hush", {}, ` ${formatMonth(`${day}T12:00:00Z`, "UTC")}, `);
    return make("button.date", { type: "button", onclick: () => this.#choose(day) }, make("span.weekday", {}, `${weekday} `), make("b", {}, number), month, make("span.left"));
  }

  #choose(day) {
    this.#view("day");
    this.#go(day);
  }

  /** @param {Map<string, string>} words what is free on each day */
  tell(words) {
    for (const [day, button] of this.#buttons) {
      const free = words.get(day) ?? "";
      const left = button.lastElementChild;
      if (left.textContent !== free) left.textContent = free;
      button.toggleAttribute("data-none", !/\d/.test(free));
    }
  }
}
