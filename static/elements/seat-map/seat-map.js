/**
 * <seat-map>: a resource's places as a drawing, and the same as a list. Does no I/O: it is shown a resource and told what
 * changed, and says what was chosen.
 *
 *     map.show(resource, { numbers: (index) => ({available, held}) | null, quantity: (slot) => 0, waiting: (slot) => false });
 *     map.refresh([12, 13]);                       // slot indices; null for all
 *     map.addEventListener("seat-choose", ({ detail: { slot, mine } }) => …);
 *     map.addEventListener("seat-sight", ({ detail }) => …);   // {sections, indices} of a big hall that are looked at; null for all
 *
 * Attributes: `readonly` for a wall screen. `map.status = {busy: true, text}` covers it while there is nothing to show.
 */

import { formatMoney } from "../../client/money.js";
import { make } from "../make.js";
import { atOnce, inSlices } from "../slices.js";
import { Announcer } from "./announcer.js";
import { Cursor } from "./cursor.js";
import { BIG, Frames } from "./frames.js";
import { Gestures } from "./gestures.js";
import { inkOf } from "./ink.js";
import { buildKey, buildLegend } from "./legend.js";
import { Look, canChoose, nameOf, wordsOf } from "./looks.js";
import { becomeReadonly, buildParts } from "./parts.js";
import { Plan, placeOf } from "./plan.js";
import { SeatList } from "./seat-list.js";
import { SeatLooks } from "./seat-looks.js";
import { styles } from "./seat-map.styles.js";
import { Sight } from "./sight.js";
import { fillTip, placeTip } from "./tip.js";
import { Viewport } from "./viewport.js";

const ZOOM_STEP = 1.6;
/** Sizes in pixels from seat to seat: for a finger, for a mouse, for the keyboard, and what a tap comes closer to. */
const [TOUCHABLE, CLICKABLE, VISIBLE, READABLE] = [22, 9, 18, 26];
/** Pixels at the foot that the key covers. */
const FOOT = 54;

export class SeatMap extends HTMLElement {
  #view = new Viewport();
  #plan = null;
  #seatLooks = null;
  #hovered = -1;
  #parts;
  #frames;
  #turn = null;
  #list;
  #announcer;
  #cursor;
  #sight = new Sight(this.#view, (detail) => this.dispatchEvent(new CustomEvent("seat-sight", { detail })));
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
      fit: () => this.#fit(),
    });
    this.#parts = buildParts(this.#cursor.element, {
      showList: (list) => this.#showList(list),
      zoomIn: () => this.#zoomBy(ZOOM_STEP),
      zoomOut: () => this.#zoomBy(1 / ZOOM_STEP),
      zoomAll: () => this.#fit(),
    });
    root.append(...this.#parts.all);
    this.#frames = new Frames(this.#parts.ground, this.#parts.seats, this.#view, () => this.#drawn());
    this.#list = new SeatList(this.#parts.list, (seat) => this.#choose(seat));
    this.#announcer = new Announcer((text) => {
      this.#parts.live.textContent = text;
    });
    this.#listen(this.#parts.stage);
    for (const canvas of [this.#parts.ground, this.#parts.seats]) canvas.addEventListener("contextrestored", () => this.#repaint());
  }

  connectedCallback() {
    this.#life = new AbortController();
    this.#resizes.observe(this.#parts.stage);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#recolour(), { signal: this.#life.signal });
    if (this.hasAttribute("readonly")) becomeReadonly(this.#parts, this.#cursor.element);
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#resizes.disconnect();
    this.#frames.stop();
    this.#sight.stop();
  }

  /**
   * Shows a resource; `source` answers for numbers by slot index, and for what is this buyer's by slot id. A big one is laid out in
   * slices, and until then the map stays as it was.
   */
  show(resource, source) {
    this.#turn?.abort();
    this.#turn = new AbortController();
    this.#sight.leave();
    const work = Plan.inSteps(resource);
    if (resource.slots.length <= BIG) this.#unfold(resource, source, atOnce(work));
    else inSlices(work, this.#turn).then((plan) => this.#unfold(resource, source, plan), reportError);
  }

  #unfold({ title, slots }, source, plan) {
    this.#seatLooks?.stop();
    this.#seatLooks = new SeatLooks(slots, source, (seats) => this.#changed(seats));
    this.#plan = plan;
    this.#view.frame(plan.bounds, plan.spacing, FOOT);
    this.#view.fit();
    this.#sight.show(plan);
    this.#parts.stage.setAttribute("aria-label", `Seat map of ${title}. Arrow keys move from seat to seat.`);
    this.#recolour();
    this.#list.show(plan, this.#seatLooks.looks, formatMoney);
    this.#cursor.show(plan);
    this.#seatLooks.all();
    this.#describeCursor();
    this.status = null;
  }

  /** @param {number[] | null} indices of slots that changed; null for all */
  refresh(indices) {
    if (indices === null) this.#seatLooks?.all();
    else this.#seatLooks?.some(indices);
  }

  #changed(seats) {
    this.#list.refresh(seats);
    if (seats.includes(this.#cursor.seat)) this.#describeCursor();
    if (seats.includes(this.#hovered)) fillTip(this.#parts.tip, this.#plan.slots[this.#hovered], wordsOf(this.#lookOf(this.#hovered)));
    this.#frames.some(seats);
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
    return seat === undefined ? undefined : nameOf(this.#lookOf(seat));
  }

  /** Brings slots into sight, large enough to be seen. */
  reveal(slotIds) {
    const seats = slotIds.map((id) => this.#plan.seatOf.get(id)).filter((seat) => seat !== undefined);
    if (seats.length === 0) return;
    const mean = (values) => seats.reduce((sum, seat) => sum + values[seat], 0) / seats.length;
    this.#bringCloser(mean(this.#plan.xs), mean(this.#plan.ys), TOUCHABLE);
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

  #lookOf(seat) {
    return this.#seatLooks.looks[seat];
  }

  #recolour() {
    if (!this.#plan) return;
    const ink = this.#repaint();
    buildLegend(this.#parts.legend, this.#plan, ink, (dimmed) => {
      this.#frames.dimmed = dimmed;
    });
  }

  /**
   * Paints everything anew, the key too, and with a new ink, so that no stamp is kept: a browser whose graphics have begun anew (a driver
   * was reset, a computer woke) gives every canvas back empty, those out of sight as well.
   * @returns {object} the ink
   */
  #repaint() {
    if (!this.#plan) return null;
    const ink = inkOf(this, this.#plan.categories);
    this.#frames.show(this.#plan, this.#seatLooks.looks, ink);
    buildKey(this.#parts.key, { ink, accessible: this.#plan.hasAccessible, mine: !this.hasAttribute("readonly") });
    return ink;
  }

  #showList(list) {
    this.#parts.list.hidden = !list;
    this.#parts.stage.hidden = list;
    this.#parts.mapButton.setAttribute("aria-pressed", String(!list));
    this.#parts.listButton.setAttribute("aria-pressed", String(list));
    this.#sight.whole = list;
  }

  #drawn() {
    this.#placeCursor();
    this.#sight.drawn();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#parts.stage;
    if (clientWidth > 0) this.#frames.resize(clientWidth, clientHeight);
  }

  #move(change) {
    this.#hover(null);
    this.#parts.stage.classList.add("dragging");
    this.#frames.move(change);
  }

  #rest() {
    this.#parts.stage.classList.remove("dragging");
    this.#frames.rest();
  }

  #glide(change) {
    this.#hover(null);
    this.#frames.glide(change);
  }

  #fit() {
    this.#glide(() => this.#view.fit());
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
    const look = this.#lookOf(seat);
    if (canChoose(look)) this.dispatchEvent(new CustomEvent("seat-choose", { detail: { slot, mine: look === Look.MINE } }));
    else this.announce("seat", `${placeOf(slot)} is ${wordsOf(look)}.`);
  }

  #hover(point) {
    const at = point && this.#view.toPlan(point.x, point.y);
    const seat = at && this.#plan && this.#view.seat >= CLICKABLE ? this.#plan.seatAt(at.x, at.y) : -1;
    this.#hovered = seat;
    const { tip, stage } = this.#parts;
    tip.hidden = seat < 0;
    stage.classList.toggle("over", seat >= 0 && canChoose(this.#lookOf(seat)));
    if (seat < 0) return;
    fillTip(tip, this.#plan.slots[seat], wordsOf(this.#lookOf(seat)));
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
