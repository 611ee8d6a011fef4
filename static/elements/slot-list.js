/**
 * <slot-list>: start times or places with a capacity, each with what is left of it. Like <seat-map> it is shown a resource and a
 * source of numbers (and `now()`, the server's time), and fires `slot-take` with `{slot, quantity}` and `slot-return` with `{slot}`. Attribute `readonly` for a wall screen.
 */

import { formatMoney } from "../client/money.js";
import { dayKey, formatDay, formatTime } from "../client/times.js";
import { make } from "./make.js";
import { hasBegun, mostOf, stockOf } from "./stock.js";

const MINUTE = 60_000;

export class SlotList extends HTMLElement {
  #resource = null;
  #source = null;
  #rows = new Map();
  #frame = 0;
  #minute = null;
  #dirty = new Set();

  /** Times begin without anybody telling. */
  connectedCallback() {
    this.#minute = setInterval(() => this.refresh(null), MINUTE);
  }

  disconnectedCallback() {
    clearInterval(this.#minute);
    cancelAnimationFrame(this.#frame);
  }

  /** @param {object} resource @param {{numbers: Function, quantity: Function, waiting: Function}} source as of <seat-map> */
  show(resource, source) {
    this.#resource = resource;
    this.#source = source;
    this.#rows.clear();
    this.replaceChildren(...this.#days().map(([, slots]) => this.#day(slots)));
    this.refresh(null);
  }

  set status(status) {
    if (status) this.replaceChildren(make("p.veil", {}, status.text));
  }

  /** @param {number[] | null} indices of slots that changed; null for all */
  refresh(indices) {
    for (const index of indices ?? this.#rows.keys()) this.#dirty.add(index);
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #days() {
    const days = new Map();
    for (const slot of this.#resource.slots) {
      const key = slot.starts_at ? dayKey(slot.starts_at, this.#resource.time_zone) : slot.section;
      if (!days.has(key)) days.set(key, []);
      days.get(key).push(slot);
    }
    return [...days];
  }

  #day(slots) {
    const [{ starts_at: start, section }] = slots;
    const title = start ? formatDay(start, this.#resource.time_zone) : section || "Places";
    return make("section.day", {}, make("h2", {}, title), make("ul", {}, ...slots.map((slot) => this.#row(slot))));
  }

  #row(slot) {
    const zone = this.#resource.time_zone;
    const when = slot.starts_at ? formatTime(slot.starts_at, zone) : slot.label;
    const until = slot.ends_at ? `until ${formatTime(slot.ends_at, zone)}` : slot.starts_at ? slot.label : "";
    const quantity = make("select", { "aria-label": `How many places, ${when}` });
    const hold = make("button.primary", { type: "button", onclick: () => this.#say("slot-take", { slot, quantity: Number(quantity.value) }) }, "Hold");
    const release = make("button.quiet", { type: "button", onclick: () => this.#say("slot-return", { slot }) }, "Give back");
    const left = make("span.left");
    const meter = make("span.meter", { "aria-hidden": "true" });
    const facts = make("div.facts", {}, make("b.when", {}, when), make("span.until", {}, until), make("span.price", {}, formatMoney(slot.price)));
    const act = make("div.act", {}, quantity, hold, release);
    const row = make("li", {}, facts, make("div.stock", {}, left, meter), act);
    this.#rows.set(slot.index, { slot, row, left, meter, act, quantity, hold, release, most: -1, when });
    return row;
  }

  #say(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #paint() {
    this.#frame = 0;
    for (const index of this.#dirty) if (this.#rows.has(index)) this.#paintRow(this.#rows.get(index));
    this.#dirty.clear();
  }

  #paintRow(row) {
    const { slot } = row;
    const begun = hasBegun(slot, this.#source.now());
    const stock = stockOf(slot, this.#source.numbers(slot.index), this.#source.quantity(slot.id), this.#source.waiting(slot.id), begun);
    row.row.dataset.level = stock.level;
    row.left.textContent = stock.text;
    row.meter.style.setProperty("--share", stock.share);
    row.hold.disabled = !stock.canTake;
    row.hold.setAttribute("aria-label", `Hold, ${row.when}`);
    row.release.setAttribute("aria-label", `Give back, ${row.when}`);
    row.act.hidden = this.hasAttribute("readonly") || (stock.available === 0 && stock.mine === 0);
    row.quantity.hidden = !stock.canTake;
    row.hold.hidden = stock.mine > 0;
    row.release.hidden = stock.mine === 0;
    row.release.disabled = stock.waiting;
    this.#offer(row, mostOf(stock.available));
  }

  #offer(row, most) {
    if (row.most === most) return;
    const chosen = Number(row.quantity.value || 1);
    row.most = most;
    row.quantity.replaceChildren(...Array.from({ length: most }, (_, place) => make("option", { value: String(place + 1) }, String(place + 1))));
    row.quantity.value = String(Math.min(chosen, most) || 1);
  }
}

customElements.define("slot-list", SlotList);
