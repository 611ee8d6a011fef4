/**
 * <holdfast-availability resource="…">: a resource's places or times, live, on a page of any origin that the server allows.
 *
 * Attributes: `resource`, an id; `view` (day or week) of what is booked by time; `readonly`, only to be looked at; `scheme`, light or dark
 * whatever the visitor's is; `target`, where the button to the booking page opens. Whoever chooses is led to Holdfast's own page, with the time chosen.
 *
 * Events bubble and cross shadow roots: `holdfast-choose` with `{resource, slot}` or `{resource, range: [start, end] | null, price}`;
 * `holdfast-book` with `{resource, range}` when the button is pressed: whoever prevents its default books by their own means;
 * `holdfast-error` with `{code, message}`.
 */

import { GridDays } from "../client/grid-days.js";
import { marksOf, priceOf, rangeOf } from "../client/grid.js";
import { formatMoney } from "../client/money.js";
import { ORIGIN } from "../client/origin.js";
import { followLayout, resource } from "../client/resources.js";
import { sentence } from "../client/wording.js";
import "../elements/connection-state.js";
import { make } from "../elements/make.js";
import "../elements/seat-map/seat-map.js";
import "../elements/slot-list.js";
import "../elements/time-grid/time-grid.js";
import { chosenWords } from "../pages/choice-words.js";
import { bookingAddress, resourceId, schemeOf, viewOf } from "./choices.js";
import { styles } from "./holdfast-availability.styles.js";
import { sharedHoldfast, sharedStyles } from "./shared.js";

const AWAY = "Availability can't be shown just now.";
const ELEMENTS = { seats: "seat-map", sessions: "slot-list", grid: "time-grid" };

export class HoldfastAvailability extends HTMLElement {
  static observedAttributes = ["resource", "view"];
  #holdfast = null;
  #resource = null;
  #followed = null;
  #element = null;
  #range = null;
  #turn = 0;
  #life = null;
  #parts = {};

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    const parts = this.#parts;
    parts.title = make("strong");
    parts.state = make("connection-state");
    parts.body = make("div.body");
    parts.chosen = make("span.chosen", { role: "status" });
    parts.book = make("a.primary", { onclick: (event) => this.#book(event) }, "Book");
    parts.foot = make("div.foot", {}, parts.chosen, parts.book);
    root.append(make("div.head", {}, parts.title, parts.state), parts.body, parts.foot);
  }

  connectedCallback() {
    this.#holdfast = sharedHoldfast();
    this.#parts.state.follow(this.#holdfast, () => this.#followed?.availability ?? this.#followed);
    this.#load();
  }

  disconnectedCallback() {
    this.#turn += 1;
    this.#letGo();
  }

  attributeChangedCallback(name, before, now) {
    if (!this.isConnected || before === now) return;
    if (name === "resource") this.#load();
    else if (this.#resource?.kind === "grid") this.#element.setAttribute("view", viewOf(now));
  }

  /** @returns {Holdfast} the line that all elements of the page share, for pages that hold and book by their own means */
  get holdfast() {
    return sharedHoldfast();
  }

  async #load() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#letGo();
    this.#say("Loading…");
    const id = resourceId(this.getAttribute("resource"));
    try {
      const fetched = id && (await resource(id));
      if (turn !== this.#turn) return;
      if (fetched) await this.#show(fetched, turn);
      else this.#failed({ code: "unknown_resource", message: "The attribute `resource` names nothing." });
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      if (turn === this.#turn) this.#failed(refusal);
    }
  }

  #letGo() {
    this.#life?.abort();
    this.#life = new AbortController();
    this.#followed?.close();
    this.#followed = null;
    this.#element = null;
    this.#range = null;
  }

  /** Nobody is there to reload a part of a page: a button does. A page that is not allowed looks like one that is offline. */
  #failed(refusal) {
    const again = make("button.secondary", { type: "button", onclick: () => this.#load() }, "Try again");
    this.#parts.body.replaceChildren(make("div.message", {}, make("p", { role: "alert" }, refusal.code === "offline" ? AWAY : sentence(refusal)), again));
    this.#parts.foot.hidden = true;
    this.#tell("holdfast-error", { code: refusal.code, message: refusal.message });
  }

  #say(text) {
    this.#parts.foot.hidden = true;
    this.#parts.body.replaceChildren(make("p.message", { role: "status" }, text));
  }

  /** Maps take their colours from the styles, so those come first. */
  async #show(fetched, turn) {
    const sheets = await sharedStyles(schemeOf(this.getAttribute("scheme")));
    if (turn !== this.#turn) return;
    this.shadowRoot.adoptedStyleSheets = [...sheets, styles];
    this.#resource = fetched;
    this.#parts.title.textContent = fetched.title;
    this.#element = make(ELEMENTS[fetched.kind]);
    this.#element.toggleAttribute("readonly", this.hasAttribute("readonly") || fetched.kind === "sessions");
    this.#parts.body.replaceChildren(this.#element);
    if (fetched.kind === "grid") await this.#showTime(fetched);
    else this.#showPlaces(fetched);
    this.#parts.foot.hidden = this.hasAttribute("readonly");
    this.#chosen(null);
  }

  async #showTime(fetched) {
    const days = new GridDays(this.#holdfast, fetched);
    const element = this.#element;
    this.#followed = days;
    element.setAttribute("view", viewOf(this.getAttribute("view")));
    let marks = new Map();
    const mark = () => {
      marks = marksOf(days.resource, this.#holdfast.cart.ranges(fetched.id), []);
      element.refresh(null);
    };
    const source = { numbers: (index) => days.numbers(index), mine: (index) => marks.get(index) ?? null, now: () => this.#holdfast.clock.now() };
    this.#holdfast.cart.addEventListener("change", mark, { signal: this.#life.signal });
    days.addEventListener("days", () => element.show(days.resource, days, source));
    days.addEventListener("change", ({ detail }) => element.refresh(detail.changed));
    days.addEventListener("refused", ({ detail }) => this.#failed(detail));
    element.addEventListener("range-change", ({ detail }) => this.#chosen(detail.range));
    element.addEventListener("range-done", () => this.#parts.book.focus());
    element.addEventListener("days-want", ({ detail }) => this.#leaf(days, detail.day));
    await days.open();
    mark();
  }

  async #leaf(days, day) {
    try {
      await days.open(day);
      this.#element.goTo(day);
    } catch (refusal) {
      if (refusal.name !== "Refusal") throw refusal;
      this.#element.goTo(days.days[0]);
      this.#tell("holdfast-error", { code: refusal.code, message: refusal.message });
    }
  }

  #showPlaces(fetched) {
    const element = this.#element;
    const availability = this.#holdfast.follow(fetched);
    this.#holdfast.cart.addEventListener("change", () => element.refresh(null), { signal: this.#life.signal });
    this.#followed = availability;
    element.show(fetched, {
      numbers: (index) => (availability.replica.ready ? availability.replica.at(index) : null),
      quantity: (slot) => this.#holdfast.cart.quantity(fetched.id, slot),
      waiting: () => false,
      now: () => this.#holdfast.clock.now(),
    });
    availability.addEventListener("change", ({ detail }) => element.refresh(detail.changed));
    availability.addEventListener("refused", ({ detail }) => this.#failed(detail));
    followLayout(availability, fetched.id, { shows: () => this.#load(), refused: (refusal) => this.#failed(refusal) }, { signal: this.#life.signal });
    element.addEventListener("seat-choose", ({ detail }) => this.#tell("holdfast-choose", { resource: fetched.id, slot: detail.slot }));
  }

  #chosen(range) {
    const { kind, id } = this.#resource;
    const words = range && chosenWords(this.#resource, range);
    const price = range && priceOf(this.#resource, range);
    this.#range = range;
    this.#parts.chosen.textContent = range ? `${words.when} · ${words.length} · ${formatMoney(price)}` : "";
    this.#parts.book.textContent = kind === "grid" && !range ? "See and book" : "Book";
    this.#parts.book.href = bookingAddress(ORIGIN, this.#resource, range);
    if (this.getAttribute("target")) this.#parts.book.target = this.getAttribute("target");
    if (kind === "grid") this.#tell("holdfast-choose", { resource: id, range: range && rangeOf(this.#resource, range), price });
  }

  #book(event) {
    const detail = { resource: this.#resource.id, range: this.#range && rangeOf(this.#resource, this.#range) };
    if (!this.#tell("holdfast-book", detail, true)) event.preventDefault();
  }

  #tell(name, detail, cancelable = false) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
  }
}

customElements.define("holdfast-availability", HoldfastAvailability);
