/**
 * <seat-map>: a resource's places as a drawing, and the same as a list. Does no I/O: it is shown a resource and told what
 * changed, and says what was chosen.
 *
 *     map.show(resource, { numbers: (index) => ({available, held}) | null, quantity: (slot) => 0, waiting: (slot) => false });
 *     map.refresh([12, 13]);                       // slot indices; null for all
 *     map.addEventListener("seat-choose", ({ detail: { slot, mine } }) => …);
 *
 * Attributes: `readonly` for a wall screen. `map.status = {busy: true, text}` covers it while there is nothing to show.
 */

import { formatMoney, shortMoney } from "../../client/money.js";
import { icon, make } from "../make.js";
import { Announcer } from "./announcer.js";
import { Gestures } from "./gestures.js";
import { inkOf } from "./ink.js";
import { Look, canChoose, lookOf, wordsOf } from "./looks.js";
import { Painter } from "./painter.js";
import { Plan, placeOf } from "./plan.js";
import { SeatList } from "./seat-list.js";
import { drawSeat } from "./seat-shape.js";
import { styles } from "./seat-map.styles.js";
import { Viewport } from "./viewport.js";

const ZOOM_STEP = 1.6;
const TOUCHABLE = 22;
const CLICKABLE = 9;
const READABLE = 26;
const FOOT = 54;
const MOST_MOVED_SEATS = 6000;
const ICONS = { in: "M12 5v14M5 12h14", out: "M5 12h14", all: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEY = [
  [Look.AVAILABLE, false, "Available"],
  [Look.MINE, false, "Yours"],
  [Look.HELD, false, "Being bought"],
  [Look.SOLD, false, "Gone"],
  [Look.AVAILABLE, true, "Wheelchair"],
];

export class SeatMap extends HTMLElement {
  #view = new Viewport();
  #plan = null;
  #source = null;
  #looks = new Uint8Array(0);
  #dirty = new Set();
  #allDirty = false;
  #frame = 0;
  #painted = null;
  #resting = 0;
  #cursor = 0;
  #parts = {};
  #painter;
  #list;
  #announcer;
  #ink;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    root.append(...this.#build());
    this.#painter = new Painter(this.#parts.ground, this.#parts.seats, this.#view);
    this.#list = new SeatList(this.#parts.list, (seat) => this.#choose(seat));
    this.#announcer = new Announcer((text) => {
      this.#parts.live.textContent = text;
    });
  }

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.#resizes = new ResizeObserver(() => this.#resize());
    this.#resizes.observe(this.#parts.stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#recolour(), { signal });
    if (this.hasAttribute("readonly")) this.#becomeReadonly();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#resizes.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  #life;
  #resizes;

  /** Shows a resource; `source` answers for numbers by slot index, and for what is this buyer's by slot id. */
  show(resource, source) {
    this.#source = source;
    this.#plan = new Plan(resource);
    this.#looks = new Uint8Array(resource.slots.length);
    this.#view.frame(this.#plan.bounds, this.#plan.spacing, FOOT);
    this.#view.fit();
    this.#parts.stage.setAttribute("aria-label", `Seat map of ${resource.title}. Arrow keys move from seat to seat.`);
    this.#look(this.#looks.keys());
    this.#recolour();
    this.#list.show(this.#plan, this.#looks, formatMoney);
    this.status = null;
    this.#moveCursor(0, false);
  }

  /** @param {number[] | null} indices of slots that changed; null for all */
  refresh(indices) {
    if (!this.#plan) return;
    const first = this.#plan.slots[0]?.index ?? 0;
    const seats = indices === null ? this.#looks.keys() : indices.map((index) => index - first);
    const changed = this.#look(seats);
    if (changed.length === 0) return;
    this.#list.refresh(changed);
    if (changed.includes(this.#cursor)) this.#describeCursor(true);
    for (const seat of changed) this.#dirty.add(seat);
    this.#allDirty ||= this.#dirty.size > this.#looks.length / 4;
    this.#requestFrame();
  }

  /** @param {{busy?: boolean, text: string} | null} status what to say in place of the map */
  set status(status) {
    this.#parts.veil.hidden = status === null;
    this.#parts.veil.replaceChildren();
    if (status === null) return;
    if (status.busy) this.#parts.veil.append(make("div.pulse"));
    this.#parts.veil.append(make("p", {}, status.text));
  }

  /** Says something to those who listen rather than look. */
  announce(topic, text) {
    this.#announcer.announce(topic, text);
  }

  /** @returns {{x: number, y: number} | null} where a slot is on the page, in CSS pixels of the viewport */
  pointOf(slotId) {
    const seat = this.#plan?.seatOf.get(slotId);
    if (seat === undefined) return null;
    const box = this.#parts.stage.getBoundingClientRect();
    const { x, y } = this.#view.toScreen(this.#plan.xs[seat], this.#plan.ys[seat]);
    return { x: box.left + x, y: box.top + y };
  }

  /** @returns {string} how a slot is drawn now: `available held sold mine waiting unknown` */
  lookOf(slotId) {
    const look = this.#looks[this.#plan?.seatOf.get(slotId)];
    return Object.keys(Look).find((name) => Look[name] === look)?.toLowerCase();
  }

  /** Brings slots into sight. */
  reveal(slotIds) {
    const seats = slotIds.map((id) => this.#plan.seatOf.get(id)).filter((seat) => seat !== undefined);
    if (seats.length === 0) return;
    const mean = (values) => seats.reduce((sum, seat) => sum + values[seat], 0) / seats.length;
    const [x, y] = [mean(this.#plan.xs), mean(this.#plan.ys)];
    this.#glide(() => {
      if (this.#view.seat < TOUCHABLE) this.#view.zoom(TOUCHABLE / this.#view.seat);
      this.#view.centre(x, y);
    });
  }

  #build() {
    const parts = this.#parts;
    parts.legend = make("div.legend", { role: "group", "aria-label": "Highlight a price category" });
    parts.mapButton = make("button", { type: "button", "aria-pressed": "true", onclick: () => this.#showList(false) }, "Map");
    parts.listButton = make("button", { type: "button", "aria-pressed": "false", onclick: () => this.#showList(true) }, "List");
    parts.views = make("div.views", { role: "group", "aria-label": "View" }, parts.mapButton, parts.listButton);
    parts.bar = make("div.bar", {}, parts.legend, parts.views);
    parts.ground = make("canvas", { "aria-hidden": "true" });
    parts.seats = make("canvas", { "aria-hidden": "true" });
    parts.cursor = make("button.cursor", { type: "button", onclick: () => this.#choose(this.#cursor), onkeydown: (event) => this.#key(event), onfocus: () => this.#cursorFocused() });
    parts.tip = make("div.tip", { hidden: true, "aria-hidden": "true" });
    parts.key = make("ul.key", { "aria-hidden": "true" });
    parts.tools = make("div.tools", { role: "group", "aria-label": "Zoom" }, this.#tool("in", "Zoom in"), this.#tool("out", "Zoom out"), this.#tool("all", "Show everything"));
    parts.stage = make("div.stage", { role: "group" }, parts.ground, parts.seats, parts.cursor, parts.key, parts.tools, parts.tip);
    parts.list = make("div.list", { hidden: true, role: "region", "aria-label": "Places as a list" });
    parts.veil = make("div.veil", { hidden: true });
    parts.live = make("div.hush", { role: "status", "aria-live": "polite" });
    this.#listen(parts.stage);
    return [parts.bar, parts.stage, parts.list, parts.veil, parts.live];
  }

  #tool(name, label) {
    const act = { in: () => this.#zoomBy(ZOOM_STEP), out: () => this.#zoomBy(1 / ZOOM_STEP), all: () => this.#glide(() => this.#view.fit()) }[name];
    return make("button", { type: "button", "aria-label": label, title: label, onclick: act, onpointerdown: (event) => event.stopPropagation() }, icon(ICONS[name]));
  }

  #listen(stage) {
    if (this.hasAttribute("readonly")) return;
    this.#gestures = new Gestures(stage, {
      pan: (dx, dy) => this.#move(() => this.#view.pan(dx, dy)),
      zoom: (factor, x, y) => this.#move(() => this.#view.zoom(factor, x, y)),
      rest: () => this.#rest(),
      tap: (x, y, touch) => this.#tap(x, y, touch),
      hover: (point) => this.#hover(point),
    });
  }

  #gestures;

  #becomeReadonly() {
    const { views, tools, cursor, bar, stage } = this.#parts;
    for (const part of [views, tools, cursor]) part.remove();
    for (const part of [bar, stage]) part.inert = true;
  }

  /** Works out how seats look now. @returns {number[]} those that look different */
  #look(seats) {
    const changed = [];
    for (const seat of seats) {
      const slot = this.#plan.slots[seat];
      if (!slot) continue;
      const look = lookOf(this.#source.numbers(slot.index ?? seat), this.#source.quantity(slot.id), this.#source.waiting(slot.id));
      if (look === this.#looks[seat]) continue;
      this.#looks[seat] = look;
      changed.push(seat);
    }
    return changed;
  }

  #recolour() {
    if (!this.#plan) return;
    this.#ink = inkOf(this, this.#plan.categories);
    this.#painter.show(this.#plan, this.#looks, this.#ink);
    this.#buildLegend();
    this.#buildKey();
    this.#requestAll();
  }

  #buildLegend() {
    this.#parts.legend.replaceChildren(
      ...this.#plan.categories.map(({ name, price }, number) => {
        const dot = make("span.dot");
        dot.style.setProperty("--dot", this.#ink.categories[number].fill);
        const chip = make("button.chip", { type: "button", "aria-pressed": "false", onclick: () => this.#highlight(chip, number) }, dot);
        chip.append(name || "Places", make("span.price", {}, shortMoney(price)));
        return chip;
      }),
    );
  }

  #highlight(chip, number) {
    const on = chip.getAttribute("aria-pressed") === "true";
    for (const other of this.#parts.legend.children) other.setAttribute("aria-pressed", "false");
    chip.setAttribute("aria-pressed", String(!on));
    const others = this.#plan.categories.keys().filter((other) => other !== number);
    this.#painter.dimmed = new Set(on ? [] : others);
    this.#requestAll();
  }

  #buildKey() {
    const readonly = this.hasAttribute("readonly");
    const signs = KEY.filter(([look, accessible]) => (accessible ? this.#plan.slots.some((slot) => slot.accessible) : !readonly || look !== Look.MINE));
    this.#parts.key.replaceChildren(...signs.map(([look, accessible, words]) => make("li", {}, this.#sign(look, accessible), words)));
  }

  #sign(look, accessible) {
    const canvas = make("canvas", { width: 36, height: 36 });
    const context = canvas.getContext("2d");
    context.setTransform(2, 0, 0, 2, 18, 18);
    const facts = { size: 18, ink: this.#ink, fill: this.#ink.held, text: this.#ink.floor, accessible, letters: "", font: this.#ink.font };
    drawSeat(context, look, facts);
    return canvas;
  }

  #showList(list) {
    this.#parts.list.hidden = !list;
    this.#parts.stage.hidden = list;
    this.#parts.mapButton.setAttribute("aria-pressed", String(!list));
    this.#parts.listButton.setAttribute("aria-pressed", String(list));
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#parts.stage;
    if (clientWidth === 0) return;
    this.#view.resize(clientWidth, clientHeight);
    this.#painter.resize(clientWidth, clientHeight, Math.min(devicePixelRatio, 3));
    this.#requestAll();
  }

  #requestAll() {
    this.#allDirty = true;
    this.#requestFrame();
  }

  #requestFrame() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#frame = 0;
    if (!this.#plan || this.#view.width === 0) return;
    if (this.#allDirty) {
      this.#painter.paintAll();
      this.#painted = this.#view.place;
      this.#placeCanvases();
    } else this.#painter.paintSome(this.#dirty);
    this.#allDirty = false;
    this.#dirty.clear();
    this.#placeCursor();
  }

  /** Moves the view. A big hall is moved as it was painted and painted anew when it rests. */
  #move(change) {
    change();
    this.#hover(null);
    this.#parts.stage.classList.add("dragging");
    if (this.#plan && this.#plan.slots.length > MOST_MOVED_SEATS && this.#painted) {
      this.#placeCanvases();
      this.#placeCursor();
    } else this.#requestAll();
  }

  #rest() {
    this.#parts.stage.classList.remove("dragging");
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#requestAll(), 120);
  }

  #placeCanvases() {
    const { scale, x, y } = this.#view;
    const factor = scale / this.#painted.scale;
    const still = factor === 1 && x === this.#painted.x && y === this.#painted.y;
    const matrix = `matrix(${factor}, 0, 0, ${factor}, ${x - this.#painted.x * factor}, ${y - this.#painted.y * factor})`;
    for (const canvas of [this.#parts.ground, this.#parts.seats]) canvas.style.transform = still ? "none" : matrix;
  }

  /** Moves the view smoothly, or at once for those who want less motion. */
  #glide(change) {
    const from = this.#view.place;
    change();
    const to = this.#view.place;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches || this.#plan.slots.length > MOST_MOVED_SEATS) {
      this.#requestAll();
      return;
    }
    const begun = performance.now();
    const step = (now) => {
      const share = Math.min(1, Math.max(0, (now - begun) / 220));
      const eased = 1 - (1 - share) ** 3;
      const between = (name) => from[name] + (to[name] - from[name]) * eased;
      this.#view.place = { scale: between("scale"), x: between("x"), y: between("y") };
      this.#requestAll();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #zoomBy(factor, x, y) {
    this.#glide(() => this.#view.zoom(factor, x, y));
  }

  /** A tap where seats are too small for a finger comes closer first. */
  #tap(x, y, touch) {
    if (!this.#plan) return;
    if (this.#view.seat < (touch ? TOUCHABLE : CLICKABLE)) {
      this.#zoomBy(READABLE / this.#view.seat, x, y);
      return;
    }
    const at = this.#view.toPlan(x, y);
    const seat = this.#plan.seatAt(at.x, at.y, touch ? 20 / this.#view.scale : undefined);
    if (seat < 0) return;
    this.#moveCursor(seat, false);
    this.#choose(seat);
  }

  #choose(seat) {
    const slot = this.#plan.slots[seat];
    const look = this.#looks[seat];
    if (!canChoose(look)) {
      this.announce("seat", `${placeOf(slot)} is ${wordsOf(look)}.`);
      return;
    }
    this.dispatchEvent(new CustomEvent("seat-choose", { detail: { slot, mine: look === Look.MINE } }));
  }

  #hover(point) {
    const at = point && this.#view.toPlan(point.x, point.y);
    const seat = at && this.#plan && this.#view.seat >= CLICKABLE ? this.#plan.seatAt(at.x, at.y) : -1;
    this.#parts.tip.hidden = seat < 0;
    this.#parts.stage.classList.toggle("over", seat >= 0 && canChoose(this.#looks[seat]));
    if (seat >= 0) this.#placeTip(seat);
  }

  #placeTip(seat) {
    const { tip, stage } = this.#parts;
    const slot = this.#plan.slots[seat];
    const facts = [slot.category, formatMoney(slot.price)].filter(Boolean).join(" · ");
    const state = slot.accessible ? `Wheelchair place, ${wordsOf(this.#looks[seat])}` : wordsOf(this.#looks[seat]);
    tip.replaceChildren(make("b", {}, placeOf(slot)), make("span", {}, facts), make("br"), make("span", {}, state));
    const { x, y } = this.#view.toScreen(this.#plan.xs[seat], this.#plan.ys[seat]);
    const above = y - tip.offsetHeight - this.#view.seat * 0.7;
    const top = above > 4 ? above : y + this.#view.seat * 0.7;
    const left = Math.min(Math.max(4, x - tip.offsetWidth / 2), stage.clientWidth - tip.offsetWidth - 4);
    tip.style.transform = `translate(${left}px, ${top}px)`;
  }

  #key(event) {
    const arrow = ARROWS[event.key];
    const row = this.#plan.rows.find(({ seats }) => seats.includes(this.#cursor));
    if (arrow) this.#moveCursor(this.#plan.neighbour(this.#cursor, ...arrow), true);
    else if (event.key === "Home") this.#moveCursor(row.seats[0], true);
    else if (event.key === "End") this.#moveCursor(row.seats.at(-1), true);
    else if (event.key === "+" || event.key === "=") this.#zoomBy(ZOOM_STEP);
    else if (event.key === "-") this.#zoomBy(1 / ZOOM_STEP);
    else if (event.key === "0") this.#glide(() => this.#view.fit());
    else return;
    event.preventDefault();
  }

  #moveCursor(seat, reveal) {
    if (!this.#plan.slots[seat]) return;
    this.#cursor = seat;
    this.#describeCursor(reveal);
    if (reveal) this.#revealCursor();
    this.#placeCursor();
  }

  #cursorFocused() {
    if (!this.#parts.cursor.matches(":focus-visible") || !this.#plan) return;
    this.#describeCursor(true);
    this.#revealCursor();
  }

  /** The seat under the keyboard is large enough to be seen and away from the edges. */
  #revealCursor() {
    const [x, y] = [this.#plan.xs[this.#cursor], this.#plan.ys[this.#cursor]];
    const at = this.#view.toScreen(x, y);
    const margin = 48;
    const inSight = at.x > margin && at.y > margin && at.x < this.#view.width - margin && at.y < this.#view.height - margin;
    if (inSight && this.#view.seat >= CLICKABLE * 2) return;
    this.#glide(() => {
      if (this.#view.seat < CLICKABLE * 2) this.#view.zoom(READABLE / this.#view.seat);
      this.#view.centre(x, y);
    });
  }

  #describeCursor(aloud) {
    const words = this.#list.describe(this.#cursor);
    this.#parts.cursor.setAttribute("aria-label", words);
    if (aloud && this.shadowRoot.activeElement === this.#parts.cursor) this.announce("cursor", words);
  }

  #placeCursor() {
    if (!this.#plan || this.#plan.slots.length === 0) return;
    const { x, y } = this.#view.toScreen(this.#plan.xs[this.#cursor], this.#plan.ys[this.#cursor]);
    const side = Math.max(12, this.#view.seat * 0.9);
    Object.assign(this.#parts.cursor.style, { left: `${x}px`, top: `${y}px`, width: `${side}px`, height: `${side}px` });
  }
}

customElements.define("seat-map", SeatMap);
