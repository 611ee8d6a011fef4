/** The panel beside a driveway's board: what is chosen, the quick lengths with their prices, and the button that holds it. */

import { get } from "../client/http.js";
import { indexAt, priceOf, startOf } from "../client/grid.js";
import { formatMoney } from "../client/money.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { settleOf } from "../elements/settle.js";
import { chosenWords, lengthLabel, rulesWords } from "./choice-words.js";
import { find } from "./shell.js";

const REST = 200;

export class TimeChoice {
  #resource;
  #range = null;
  #asked = null;
  #timer = null;
  #choose;
  #hold;

  #tell;

  /** @param {{choose: (range: object) => void, hold: (range: object) => Promise<void>, tell: (choice: object | null) => void}} meanings */
  constructor({ choose, hold, tell }) {
    this.#tell = tell;
    this.#choose = choose;
    this.#hold = hold;
    for (const button of [find("hold"), find("grip-hold")]) button.addEventListener("click", () => this.#take());
  }

  /** @param {object} resource a grid */
  show(resource) {
    this.#resource = resource;
    find("choice").hidden = false;
    find("choice-rules").textContent = rulesWords(resource);
    this.chosen(this.#range, "");
  }

  /** @param {{start: number, end: number} | null} range in steps @param {string} note why it is not quite what was asked for */
  chosen(range, note) {
    this.#range = range;
    const words = range && chosenWords(this.#resource, range);
    find("choice-when").textContent = words ? words.when : "Choose when you come, then how long or until when.";
    find("choice-when").toggleAttribute("data-chosen", Boolean(words));
    find("choice-length").textContent = words ? words.length : "";
    find("choice-note").textContent = note;
    find("choice-problem").textContent = "";
    for (const button of [find("hold"), find("grip-hold")]) button.disabled = range === null;
    const price = range && formatMoney(priceOf(this.#resource, range));
    find("hold").textContent = range ? `Hold it · ${price}` : "Hold it";
    this.#tell(words && { when: words.when, price: `${words.length} · ${price}` });
    find("grip-hold").hidden = range === null;
    this.#askSoon();
    this.#mark();
  }

  /** What is free has changed: so may have the lengths that are. */
  refresh() {
    this.#asked = null;
    this.#askSoon();
  }

  /** To the button, when the choice was made by keyboard. */
  focus() {
    find("hold").focus();
  }

  /** Lengths are asked for when the beginning rests, not at each step of a drag. */
  #askSoon() {
    clearTimeout(this.#timer);
    if (this.#range === null) this.#forget();
    else if (this.#asked !== this.#range.start) this.#timer = setTimeout(() => this.#ask(), REST);
  }

  #forget() {
    this.#asked = null;
    find("lengths").replaceChildren();
  }

  async #ask() {
    const { start } = this.#range;
    this.#asked = start;
    const moment = new Date(startOf(this.#resource, start)).toISOString();
    try {
      const { lengths } = await get(`/api/resources/${encodeURIComponent(this.#resource.id)}/lengths?${new URLSearchParams({ start: moment })}`);
      if (this.#asked === start) settleOf(find("lengths"), lengths, (length) => [start, length], (length) => this.#length(length));
      this.#mark();
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      if (this.#asked === start) this.#forget();
    }
  }

  #length(length) {
    const { minutes, end, price, available, reason } = length;
    const { start } = this.#range;
    const steps = { start, end: indexAt(this.#resource, Date.parse(end)) };
    const facts = { type: "button", disabled: !available, "data-end": String(steps.end), onclick: () => this.#choose(steps) };
    return make("button.chip", facts, lengthLabel(minutes, price), reason && make("span.hush", {}, `: ${reason}`));
  }

  #mark() {
    for (const button of find("lengths").children) button.setAttribute("aria-pressed", String(Number(button.dataset.end) === this.#range?.end));
  }

  async #take() {
    const button = find("hold");
    if (this.#range === null || button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    find("choice-problem").textContent = "";
    try {
      await this.#hold(this.#range);
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      this.#explain(refusal);
    } finally {
      button.ariaBusy = "false";
    }
  }

  #explain(refusal) {
    const taken = refusal.code === "slot_taken";
    find("choice-problem").textContent = taken ? "Somebody was faster: some of that time has just been taken." : sentence(refusal);
  }
}
