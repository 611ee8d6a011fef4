/** Opening hours of a place: the week's, and days that differ. Times are those that clocks show there. */

import { forget, resource } from "../client/resources.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/** @returns {string} such as `07:00–12:00, 13:00–24:00`; empty where it is closed */
export function spansText(spans) {
  return (spans ?? []).map(([start, end]) => `${start}–${end}`).join(", ");
}

/** @returns {[string, string][] | null} what such a text says; null if it can't be read */
export function spansOf(text) {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  const spans = parts.map((part) => /^(\d{1,2})[:.](\d\d)\s*[-–—]\s*(\d{1,2})[:.](\d\d)$/.exec(part));
  if (spans.includes(null)) return null;
  return spans.map(([, ...numbers]) => clocksOf(numbers));
}

function clocksOf([hour, minute, lastHour, lastMinute]) {
  return [`${hour.padStart(2, "0")}:${minute}`, `${lastHour.padStart(2, "0")}:${lastMinute}`];
}

export class HoursForm {
  #parts;
  #session;
  #grid = null;
  #asked = 0;

  /** @param {{form: HTMLFormElement, choice: HTMLSelectElement, problem: HTMLElement}} parts */
  constructor(parts, session) {
    this.#parts = parts;
    this.#session = session;
    parts.choice.addEventListener("change", () => this.#turn());
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  /** What is being written stays, though places are read anew. */
  show(places) {
    const { choice, form } = this.#parts;
    const grids = places.filter(({ kind }) => kind === "grid");
    const before = choice.value;
    choice.replaceChildren(...grids.map(({ id, title }) => make("option", { value: id }, title)));
    if (grids.some(({ id }) => id === before)) choice.value = before;
    else if (grids.length > 0) this.#load();
    if (grids.length === 0) form.replaceChildren(make("p", {}, "You have no place that is booked by time."));
  }

  /** To another place, whose hours nobody takes for those of the one before. */
  #turn() {
    this.#parts.form.replaceChildren();
    this.#load();
  }

  async #load() {
    const { choice, problem } = this.#parts;
    this.#asked += 1;
    const mine = this.#asked;
    problem.textContent = "";
    try {
      const { grid, time_zone: zone } = await resource(choice.value);
      if (mine !== this.#asked) return;
      this.#grid = grid;
      this.#draw(zone);
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      problem.textContent = sentence(refusal);
    }
  }

  #draw(zone) {
    const { opening_hours: hours, exceptions } = this.#grid;
    const week = WEEKDAYS.map((day, place) => this.#field(`hours-${day}`, NAMES[place], spansText(hours[day])));
    const others = Object.entries(exceptions).map(([day, spans]) => this.#exception(day, spansText(spans)));
    const list = make("div.exceptions", {}, ...others);
    const add = make("button.secondary", { type: "button", onclick: () => this.#add(list) }, "Add a day that differs");
    const save = make("button.primary", { type: "submit" }, "Save the hours");
    const hint = make("p.hint", {}, `As 07:00–12:00, 13:00–22:00; empty is closed. Clocks of ${zone}. What is booked stays booked.`);
    this.#parts.form.replaceChildren(hint, ...week, make("h3", {}, "Days that differ"), list, make("div.row", {}, add, save));
  }

  #field(id, name, value) {
    return make("div.field", {}, make("label", { for: id }, name), make("input", { id, value, autocomplete: "off", placeholder: "closed" }));
  }

  #exception(day, text) {
    const row = make("div.exception", { role: "group", "aria-label": day || "A day that differs" });
    const remove = make("button.quiet", { type: "button", "aria-label": `Remove ${day || "this day"}`, onclick: () => row.remove() }, "×");
    row.append(make("input", { type: "date", value: day, "aria-label": "Day" }), make("input", { value: text, placeholder: "closed", "aria-label": "Hours", autocomplete: "off" }), remove);
    return row;
  }

  #add(list) {
    list.append(this.#exception("", ""));
    list.lastElementChild.querySelector("input").focus();
  }

  /** @returns {{opening_hours: object, exceptions: object} | null} null once a field was found that can't be read, which is shown */
  #read() {
    const hours = {};
    for (const day of WEEKDAYS) {
      const spans = this.#spans(this.#parts.form.querySelector(`#hours-${day}`));
      if (spans === null) return null;
      if (spans.length > 0) hours[day] = spans;
    }
    const exceptions = {};
    for (const row of this.#parts.form.querySelectorAll(".exception")) {
      const [day, text] = row.querySelectorAll("input");
      const spans = this.#spans(text);
      if (spans === null) return null;
      if (day.value) exceptions[day.value] = spans;
    }
    return { opening_hours: hours, exceptions };
  }

  #spans(input) {
    const spans = spansOf(input.value);
    input.ariaInvalid = spans === null ? "true" : "false";
    if (spans === null) {
      this.#parts.problem.textContent = `“${input.value}” can't be read. Write 07:00–12:00, 13:00–22:00, or nothing for closed.`;
      input.focus();
    }
    return spans;
  }

  async #save() {
    const { form, choice, problem } = this.#parts;
    if (form.ariaBusy === "true") return;
    const grid = this.#read();
    if (!grid) return;
    form.ariaBusy = "true";
    problem.textContent = "";
    try {
      await this.#session.change("PATCH", `/api/resources/${encodeURIComponent(choice.value)}`, { grid });
      forget(choice.value);
      notify("Saved. Everybody who looks sees it at once.", "good");
      await this.#load();
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      problem.textContent = refusal.errors.map(({ message }) => message).join(" · ") || sentence(refusal);
    } finally {
      form.ariaBusy = "false";
    }
  }
}
