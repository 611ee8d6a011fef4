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

import { formatMoney } from "../../client/money.js";
import { icon, make } from "../make.js";
import { Announcer } from "./announcer.js";
import { Cursor } from "./cursor.js";
import { Gestures } from "./gestures.js";
import { glide, wantsStillness } from "./glide.js";
import { inkOf } from "./ink.js";
import { buildKey, buildLegend } from "./legend.js";
import { Look, canChoose, lookOf, nameOf, wordsOf } from "./looks.js";
import { Painter } from "./painter.js";
import { Plan, placeOf } from "./plan.js";
import { SeatList } from "./seat-list.js";
import { styles } from "./seat-map.styles.js";
import { fillTip, placeTip } from "./tip.js";
import { Viewport } from "./viewport.js";

const ZOOM_STEP = 1.6;
/** Sizes in pixels from seat to seat: for a finger, for a mouse, for the keyboard, and what a tap comes closer to. */
const TOUCHABLE = 22;
const CLICKABLE = 9;
const VISIBLE = 18;
const READABLE = 26;
/** Pixels at the foot that the key covers. */
const FOOT = 54;
const MOST_MOVED_SEATS = 6000;
const REST = 120;
const ICONS = { in: "M12 5v14M5 12h14", out: "M5 12h14", all: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" };

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
  #hovered = -1;
  #parts = {};
  #painter;
  #list;
  #announcer;
  #cursor;
  #resizes = new ResizeObserver(() => this.#resize());
  #life = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    this.#cursor = new Cursor({
      choose: (seat) => this.#choose(seat),
      moved: () => this.#cursorMoved(),
      zoom: (closer) => this.#zoomBy(closer ? ZOOM_STEP : 1 / ZOOM_STEP),
      fit: () => this.#glide(() => this.#view.fit()),
    });
    root.append(...this.#build());
    this.#painter = new Painter(this.#parts.ground, this.#parts.seats, this.#view);
    this.#list = new SeatList(this.#parts.list, (seat) => this.#choose(seat));
    this.#announcer = new Announcer((text) => {
      this.#parts.live.textContent = text;
    });
    this.#listen(this.#parts.stage);
  }

  connectedCallback() {
    this.#life = new AbortController();
    this.#resizes.observe(this.#parts.stage);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#recolour(), { signal: this.#life.signal });
    if (this.hasAttribute("readonly")) this.#becomeReadonly();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#resizes.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

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
    this.#cursor.show(this.#plan);
    this.#describeCursor();
    this.status = null;
  }

  /** @param {number[] | null} indices of slots that changed; null for all */
  refresh(indices) {
    if (!this.#plan) return;
    const first = this.#plan.slots[0]?.index ?? 0;
    const changed = this.#look(indices === null ? this.#looks.keys() : indices.map((index) => index - first));
    if (changed.length === 0) return;
    this.#list.refresh(changed);
    for (const seat of changed) this.#dirty.add(seat);
    if (this.#dirty.has(this.#cursor.seat)) this.#describeCursor();
    if (this.#dirty.has(this.#hovered)) fillTip(this.#parts.tip, this.#plan.slots[this.#hovered], wordsOf(this.#looks[this.#hovered]));
    this.#allDirty ||= this.#dirty.size > this.#looks.length / 4;
    this.#requestFrame();
  }

  /** @param {{busy?: boolean, text: string} | null} status what to say in place of the map */
  set status(status) {
    this.#parts.veil.hidden = status === null;
    if (status === null) return;
    this.#parts.veil.replaceChildren(...(status.busy ? [make("div.pulse")] : []), make("p", {}, status.text));
  }

  /** Says something to those who listen rather than look. */
  announce(topic, text) {
    this.#announcer.announce(topic, text);
  }

  /** @returns {{x: number, y: number} | null} where a slot is in the window, in CSS pixels */
  pointOf(slotId) {
    const seat = this.#plan?.seatOf.get(slotId);
    if (seat === undefined) return null;
    const box = this.#parts.stage.getBoundingClientRect();
    const { x, y } = this.#pointOf(seat);
    return { x: box.left + x, y: box.top + y };
  }

  /** @returns {string | undefined} how a slot is drawn now: `available held sold mine waiting unknown` */
  lookOf(slotId) {
    const seat = this.#plan?.seatOf.get(slotId);
    return seat === undefined ? undefined : nameOf(this.#looks[seat]);
  }

  /** Brings slots into sight, large enough to be seen. */
  reveal(slotIds) {
    const seats = slotIds.map((id) => this.#plan.seatOf.get(id)).filter((seat) => seat !== undefined);
    if (seats.length === 0) return;
    const mean = (values) => seats.reduce((sum, seat) => sum + values[seat], 0) / seats.length;
    this.#bringCloser(mean(this.#plan.xs), mean(this.#plan.ys), TOUCHABLE);
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
    parts.tip = make("div.tip", { hidden: true, "aria-hidden": "true" });
    parts.key = make("ul.key", { "aria-hidden": "true" });
    parts.tools = this.#buildTools();
    parts.stage = make("div.stage", { role: "group" }, parts.ground, parts.seats, this.#cursor.element, parts.key, parts.tools, parts.tip);
    parts.list = make("div.list", { hidden: true, role: "region", "aria-label": "Places as a list" });
    parts.veil = make("div.veil", { hidden: true });
    parts.live = make("div.hush", { role: "status", "aria-live": "polite" });
    return [parts.bar, parts.stage, parts.list, parts.veil, parts.live];
  }

  #buildTools() {
    const tool = (name, label, act) =>
      make("button", { type: "button", "aria-label": label, title: label, onclick: act, onpointerdown: (event) => event.stopPropagation() }, icon(ICONS[name]));
    return make(
      "div.tools",
      { role: "group", "aria-label": "Zoom" },
      tool("in", "Zoom in", () => this.#zoomBy(ZOOM_STEP)),
      tool("out", "Zoom out", () => this.#zoomBy(1 / ZOOM_STEP)),
      tool("all", "Show everything", () => this.#glide(() => this.#view.fit())),
    );
  }

  #listen(stage) {
    new Gestures(stage, {
      pan: (dx, dy) => this.#move(() => this.#view.pan(dx, dy)),
      zoom: (factor, x, y) => this.#move(() => this.#view.zoom(factor, x, y)),
      rest: () => this.#rest(),
      tap: (x, y, touch) => this.#tap(x, y, touch),
      hover: (point) => this.#hover(point),
    });
  }

  #becomeReadonly() {
    const { views, tools, bar, stage } = this.#parts;
    for (const part of [views, tools, this.#cursor.element]) part.remove();
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
    const ink = inkOf(this, this.#plan.categories);
    this.#painter.show(this.#plan, this.#looks, ink);
    buildLegend(this.#parts.legend, this.#plan, ink, (dimmed) => {
      this.#painter.dimmed = dimmed;
      this.#requestAll();
    });
    const accessible = this.#plan.slots.some((slot) => slot.accessible);
    buildKey(this.#parts.key, { ink, accessible, mine: !this.hasAttribute("readonly") });
    this.#requestAll();
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

  /** Moves the view. A big hall is moved as it was painted, and painted anew when it rests. */
  #move(change) {
    change();
    this.#hover(null);
    this.#parts.stage.classList.add("dragging");
    if (this.#plan && this.#painted && this.#plan.slots.length > MOST_MOVED_SEATS) {
      this.#placeCanvases();
      this.#placeCursor();
    } else this.#requestAll();
  }

  #rest() {
    this.#parts.stage.classList.remove("dragging");
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#requestAll(), REST);
  }

  #placeCanvases() {
    const { scale, x, y } = this.#view;
    const factor = scale / this.#painted.scale;
    const still = factor === 1 && x === this.#painted.x && y === this.#painted.y;
    const matrix = `matrix(${factor}, 0, 0, ${factor}, ${x - this.#painted.x * factor}, ${y - this.#painted.y * factor})`;
    for (const canvas of [this.#parts.ground, this.#parts.seats]) canvas.style.transform = still ? "none" : matrix;
  }

  /** Moves the view smoothly; at once for those who want less motion, and where painting each step is too much. */
  #glide(change) {
    this.#hover(null);
    if (this.#plan && this.#plan.slots.length <= MOST_MOVED_SEATS && !wantsStillness()) {
      glide(this.#view, change, () => this.#requestAll());
      return;
    }
    change();
    this.#requestAll();
  }

  #zoomBy(factor, x, y) {
    this.#glide(() => this.#view.zoom(factor, x, y));
  }

  #bringCloser(x, y, least) {
    this.#glide(() => {
      if (this.#view.seat < least) this.#view.zoom(READABLE / this.#view.seat);
      this.#view.centre(x, y);
    });
  }

  /** A tap where seats are too small for a finger comes closer first. */
  #tap(x, y, touch) {
    if (!this.#plan) return;
    if (this.#view.seat < (touch ? TOUCHABLE : CLICKABLE)) {
      this.#zoomBy(READABLE / this.#view.seat, x, y);
      return;
    }
    const at = this.#view.toPlan(x, y);
    const seat = this.#plan.seatAt(at.x, at.y, touch ? TOUCHABLE / this.#view.scale : 0);
    if (seat < 0) return;
    this.#cursor.seat = seat;
    this.#describeCursor();
    this.#placeCursor();
    this.#choose(seat);
  }

  #choose(seat) {
    const slot = this.#plan?.slots[seat];
    if (!slot) return;
    const look = this.#looks[seat];
    if (canChoose(look)) this.dispatchEvent(new CustomEvent("seat-choose", { detail: { slot, mine: look === Look.MINE } }));
    else this.announce("seat", `${placeOf(slot)} is ${wordsOf(look)}.`);
  }

  #hover(point) {
    const at = point && this.#view.toPlan(point.x, point.y);
    const seat = at && this.#plan && this.#view.seat >= CLICKABLE ? this.#plan.seatAt(at.x, at.y) : -1;
    this.#hovered = seat;
    const { tip, stage } = this.#parts;
    tip.hidden = seat < 0;
    stage.classList.toggle("over", seat >= 0 && canChoose(this.#looks[seat]));
    if (seat < 0) return;
    fillTip(tip, this.#plan.slots[seat], wordsOf(this.#looks[seat]));
    placeTip(tip, this.#pointOf(seat), this.#view.seat, stage.clientWidth);
  }

  #pointOf(seat) {
    return this.#view.toScreen(this.#plan.xs[seat], this.#plan.ys[seat]);
  }

  #cursorMoved() {
    this.#describeCursor();
    this.announce("cursor", this.#list.describe(this.#cursor.seat));
    if (!this.#isInSight(this.#cursor.seat)) this.#bringCloser(this.#plan.xs[this.#cursor.seat], this.#plan.ys[this.#cursor.seat], VISIBLE);
    this.#placeCursor();
  }

  #isInSight(seat) {
    const { x, y } = this.#pointOf(seat);
    const margin = READABLE * 2;
    const inside = x > margin && y > margin && x < this.#view.width - margin && y < this.#view.height - margin;
    return inside && this.#view.seat >= VISIBLE;
  }

  #describeCursor() {
    if (!this.#plan.slots[this.#cursor.seat]) return;
    const words = this.#list.describe(this.#cursor.seat);
    const before = this.#cursor.element.getAttribute("aria-label");
    this.#cursor.element.setAttribute("aria-label", words);
    if (before !== words && this.#cursor.focused) this.announce("cursor", words);
  }

  #placeCursor() {
    if (this.#plan?.slots[this.#cursor.seat]) this.#cursor.place(this.#pointOf(this.#cursor.seat), this.#view.seat);
  }
}

customElements.define("seat-map", SeatMap);
