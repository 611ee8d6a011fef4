/**
 * <time-grid>: some days of a place that is booked by time, live, as a board of one day or of a week. Does no I/O: it is shown days
 * and told what changed, and says what was chosen and which days are wanted.
 *
 *     grid.show(resource, { days: ["2026-11-21", …], slots, today: "2026-11-21", last: "2027-11-21" },
 *               { numbers: (index) => ({available, held}) | null, mine: (index) => "mine" | "waiting" | "kept" | null, now: () => milliseconds });
 *     grid.refresh([1024, 1025]);                  // indices of steps; null for all
 *     grid.choose({ start: 1024, end: 1032 });     // a run of steps; null for none
 *     grid.addEventListener("range-change", ({ detail: { range, note } }) => …);   // range: { start, end } in steps, or null
 *     grid.addEventListener("range-done", …);                                       // by keyboard: it is chosen, go on
 *     grid.addEventListener("days-want", ({ detail: { day } }) => …);              // a day that is not among those shown
 *
 * Attributes: `view` (day, week), `readonly`, `wall` for a wall screen. `grid.status = {busy: true, text}` covers it while there is nothing to show.
 */

import { daysBetween, daysLater } from "../../client/days.js";
import { make } from "../make.js";
import { Announcer } from "../seat-map/announcer.js";
import { byDay, oddMinutes, oddWords, stepsOf } from "./board.js";
import { drawDay, drawWeek } from "./boards.js";
import { Cells } from "./cells.js";
import { Drag } from "./drag.js";
import { GridBar } from "./grid-bar.js";
import { KEY, Look, canBook, isInUse, lookOf, shortWordsOf } from "./looks.js";
import { moveBy } from "./moves.js";
import { Selection } from "./selection.js";
import { styles } from "./time-grid.styles.js";
import { choiceWords, freeWords, noteWords, stateWords, stepNames, zoneWords } from "./words.js";

const MINUTE = 60_000;
/** Steps less high than this are no target for a finger: it leads to their day first. */
const TOUCHABLE = 24;

export class TimeGrid extends HTMLElement {
  static observedAttributes = ["view"];
  #resource = null;
  #source = null;
  #days = [];
  #day = null;
  #today = null;
  #last = null;
  #steps = new Map();
  #looks = new Map();
  #rows = [];
  #cells = new Cells((step) => stepNames(this.#resource, step), (step) => this.#describe(step));
  #selection = null;
  #anchor = null;
  #cursor = null;
  #dirty = new Set();
  #frame = 0;
  #minute = null;
  #parts = {};
  #bar;
  #announcer;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styles];
    this.#bar = new GridBar({ go: (day) => this.goTo(day), view: (view) => this.setAttribute("view", view) });
    const parts = this.#parts;
    parts.hint = make("div.hint");
    parts.board = make("div.grid", { role: "grid", "aria-multiselectable": "true", onkeydown: (event) => this.#key(event), onfocusin: (event) => this.#focused(event) });
    parts.shut = make("p.shut", { hidden: true });
    parts.scroll = make("div.scroll", {}, this.#bar.strip, parts.shut, parts.board);
    parts.key = make("ul.key", { "aria-hidden": "true" }, ...KEY.map((look) => make("li", {}, make("span.sign", { "data-look": look }), shortWordsOf(look))));
    parts.veil = make("div.veil", { hidden: true });
    parts.live = make("div.hush", { role: "status", "aria-live": "polite" });
    root.append(this.#bar.element, parts.hint, parts.scroll, parts.key, parts.veil, parts.live);
    this.#announcer = new Announcer((text) => {
      parts.live.textContent = text;
    });
    new Drag(parts.board, { tap: (index, touch) => this.#tap(index, touch), stretch: (anchor, index) => this.#stretch(anchor, index) });
  }

  /** Time passes without anybody telling. */
  connectedCallback() {
    this.#minute = setInterval(() => this.refresh(null), MINUTE);
  }

  disconnectedCallback() {
    clearInterval(this.#minute);
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  attributeChangedCallback() {
    if (this.#resource) this.#draw();
  }

  get #isWeek() {
    return this.getAttribute("view") === "week";
  }

  get #length() {
    return this.#resource.grid.step_minutes;
  }

  /** @returns {{start: number, end: number} | null} what is chosen, in steps */
  get range() {
    return this.#selection?.length > 0 ? { start: this.#selection.start, end: this.#selection.end } : null;
  }

  /** Shows days; steps seen before are remembered, so that a choice may reach from one week into the next. */
  show(resource, { days, slots, today, last }, source) {
    const again = this.#resource?.id === resource.id;
    this.#resource = resource;
    this.#source = source;
    this.#days = days;
    this.#today = today;
    this.#last = last;
    if (!again) this.#forget();
    for (const step of stepsOf(slots, resource.time_zone)) this.#steps.set(step.index, step);
    if (!days.includes(this.#day)) this.#day = days[0];
    this.#look([...this.#shown()]);
    this.status = null;
    this.#draw();
  }

  #forget() {
    const { min_minutes: least, max_minutes: most, buffer_minutes: after, step_minutes: length } = this.#resource.grid;
    const rules = { least: Math.max(1, Math.ceil(least / length)), most: Math.floor(most / length), after: Math.floor(after / length) };
    const looks = { isFree: (index) => canBook(this.#looks.get(index)), blocks: (index) => isInUse(this.#looks.get(index)) };
    this.#selection = new Selection({ ...looks, ...rules });
    this.#steps.clear();
    this.#looks.clear();
    this.#day = null;
    this.#cursor = null;
  }

  /** @param {number[] | null} indices of steps that changed; null for all */
  refresh(indices) {
    if (!this.#resource) return;
    const changed = this.#look(indices ?? [...this.#shown()]);
    for (const index of changed) this.#dirty.add(index);
    if (changed.length > 0 && this.#selection.review()) this.#chosen();
    if (changed.includes(this.#cursor) && this.#holdsFocus) this.#announcer.announce("cursor", this.#wordsAt(this.#cursor));
    this.#paintSoon();
  }

  /** Chooses a run of steps as far as it is free, and shows where it begins. @param {{start: number, end: number} | null} range */
  choose(range) {
    if (range === null) this.#selection?.clear();
    else {
      this.#selection.set(range.start, range.end);
      this.#cursor = range.start;
      const day = this.#steps.get(range.start)?.day;
      if (day && this.#days.includes(day)) this.#day = day;
      this.#draw();
    }
    this.#chosen();
  }

  /** Shows a day, or asks for it. */
  goTo(day) {
    this.#day = day;
    if (this.#days.includes(day)) this.#draw();
    else this.dispatchEvent(new CustomEvent("days-want", { detail: { day } }));
  }

  /** @param {{busy?: boolean, text: string} | null} status what to say in place of the board */
  set status(status) {
    this.#parts.veil.hidden = status === null;
    if (status !== null) this.#parts.veil.replaceChildren(...(status.busy ? [make("div.pulse")] : []), make("p", {}, status.text));
  }

  /** Says something to those who listen rather than look. */
  announce(topic, text) {
    this.#announcer.announce(topic, text);
  }

  /** @returns {string | undefined} how a step looks now, one of `Look` */
  lookOf(index) {
    return this.#looks.get(index);
  }

  /** @returns {{x: number, y: number} | null} where a step is in the window, in CSS pixels; it is brought into sight */
  pointOf(index) {
    const cell = this.#cells.at(index);
    if (!cell) return null;
    cell.scrollIntoView({ block: "nearest" });
    const { left, top, width, height } = cell.getBoundingClientRect();
    return { x: left + width / 2, y: top + height / 2 };
  }

  *#shown() {
    for (const { index, day } of this.#steps.values()) if (this.#days.includes(day)) yield index;
  }

  /** Works out how steps look now. @returns {number[]} those that look different */
  #look(indices) {
    const now = this.#source.now();
    const notice = this.#resource.grid.notice_minutes * MINUTE;
    return indices.filter((index) => {
      const step = this.#steps.get(index);
      if (!step) return false;
      const look = lookOf(step, { numbers: this.#source.numbers(index), mine: this.#source.mine(index), now, notice });
      const same = look === this.#looks.get(index);
      this.#looks.set(index, look);
      return !same || look === Look.FREE;
    });
  }

  #draw() {
    const steps = [...this.#shown()].map((index) => this.#steps.get(index)).sort((one, other) => one.index - other.index);
    const known = byDay(steps);
    const scrolled = this.#parts.scroll.scrollTop;
    this.#cells.clear();
    const { rows, element } = this.#isWeek ? drawWeek(steps, this.#days, this.#length, this.#cells) : drawDay(known.get(this.#day) ?? [], this.#length, this.#cells);
    this.#rows = rows;
    this.#parts.shut.textContent = this.#isWeek ? "Closed on all of these days." : "Closed on this day.";
    this.#parts.shut.hidden = rows.length > 0;
    this.#parts.board.replaceChildren(element);
    this.#parts.hint.replaceChildren(...this.#hints(known));
    const title = `Times of ${this.#resource.title}. ${this.hasAttribute("readonly") ? "" : "Enter begins a choice and ends it, Shift with arrows stretches it."}`;
    this.#parts.board.setAttribute("aria-label", title);
    this.#parts.board.toggleAttribute("hidden", rows.length === 0);
    this.#bar.show({ days: this.#days, day: this.#day, week: this.#isWeek, today: this.#today, last: this.#last });
    this.#placeCursor();
    for (const index of this.#cells.indices) this.#dirty.add(index);
    this.#paint();
    this.#scrollTo(scrolled);
  }

  #hints(known) {
    const viewers = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const shown = this.#isWeek ? this.#days : [this.#day];
    const odd = shown.map((day) => [day, oddWords(oddMinutes(known.get(day) ?? [], this.#length))]).filter(([day, words]) => words && known.get(day)?.length > 0);
    const first = [...known.values()][0]?.[0];
    const zone = first ? zoneWords(this.#resource.time_zone, viewers, first.start) : "";
    return [zone, ...odd.map(([, words]) => words)].filter(Boolean).map((words) => make("span", {}, words));
  }

  /** The first time something is shown, the present stands at the top. */
  #scrollTo(scrolled) {
    const key = `${this.#day} ${this.#isWeek}`;
    const moved = this.#parts.scroll.dataset.shown !== key;
    this.#parts.scroll.dataset.shown = key;
    if (!moved) this.#parts.scroll.scrollTop = scrolled;
    else requestAnimationFrame(() => this.#cells.at(this.#cursor)?.scrollIntoView({ block: "center" }));
  }

  #describe(step) {
    const look = this.#looks.get(step.index);
    const available = this.#source.numbers(step.index)?.available ?? 0;
    const chosen = this.#selection.has(step.index);
    const selected = !chosen ? null : step.index === this.#selection.start ? "start" : step.index === this.#selection.end - 1 ? "end" : "middle";
    const first = selected === "start" || look !== this.#looks.get(step.index - 1) || (this.#isWeek && this.#steps.get(step.index - 1)?.day !== step.day);
    return { look, ...stateWords(this.#resource, look, available, chosen), selected, first };
  }

  #wordsAt(index) {
    return this.#cells.at(index)?.textContent ?? "";
  }

  #paintSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  /** A step's neighbour may be the first of its kind now, or no longer. */
  #paint() {
    this.#frame = 0;
    for (const index of this.#dirty) {
      this.#cells.paint(index);
      this.#cells.paint(index + 1);
    }
    if (this.#dirty.size > 0) this.#bar.tell(this.#freeByDay());
    this.#dirty.clear();
  }

  #freeByDay() {
    const sums = new Map(this.#days.map((day) => [day, [0, false]]));
    for (const index of this.#shown()) {
      const { day, closed } = this.#steps.get(index);
      const sum = sums.get(day);
      if (this.#looks.get(index) === Look.FREE) sum[0] += 1;
      sum[1] ||= !closed;
    }
    return new Map([...sums].map(([day, [free, open]]) => [day, freeWords(free, this.#length, open)]));
  }

  #tap(index, touch) {
    if (touch && this.#isWeek && this.#cells.at(index).offsetHeight < TOUCHABLE) {
      this.#cursor = index;
      this.#day = this.#steps.get(index).day;
      this.setAttribute("view", "day");
      return;
    }
    this.#setCursor(index);
    this.#act(index);
  }

  #act(index) {
    if (this.hasAttribute("readonly")) return;
    if (this.#selection.tap(index)) this.#anchor = this.#selection.start;
    else this.announce("choice", `${this.#wordsAt(index)}.`);
    this.#chosen();
  }

  #stretch(anchor, index) {
    if (this.hasAttribute("readonly") || !this.#selection.stretch(anchor, index)) return;
    this.#setCursor(index);
    this.#chosen();
  }

  /** What is chosen is marked, said and told. */
  #chosen() {
    const { range } = this;
    const note = this.#selection ? noteWords(this.#resource, this.#selection) : "";
    for (const index of this.#cells.indices) this.#dirty.add(index);
    this.#paintSoon();
    if (range || note) this.announce("choice", [range && choiceWords(this.#resource, range), note].filter(Boolean).join(" "));
    this.dispatchEvent(new CustomEvent("range-change", { detail: { range, note } }));
  }

  get #holdsFocus() {
    return this.shadowRoot.activeElement?.dataset.index === String(this.#cursor);
  }

  #focused(event) {
    const { index } = event.target.dataset;
    if (index !== undefined && Number(index) !== this.#cursor) this.#setCursor(Number(index), false);
  }

  /** One step can be reached by Tab: the last one visited, else the first that is free. */
  #placeCursor() {
    const shown = [...this.#cells.indices];
    if (!this.#cells.at(this.#cursor)) this.#cursor = shown.find((index) => this.#looks.get(index) === Look.FREE) ?? shown[0] ?? null;
    const cell = this.#cells.at(this.#cursor);
    if (cell) cell.tabIndex = 0;
  }

  #setCursor(index, focus = true) {
    const before = this.#cells.at(this.#cursor);
    const now = this.#cells.at(index);
    if (before) before.tabIndex = -1;
    this.#cursor = index;
    if (now) now.tabIndex = 0;
    if (focus) now?.focus({ preventScroll: false });
  }

  #key(event) {
    const { key, shiftKey } = event;
    if (event.altKey || event.ctrlKey || event.metaKey || this.#cursor === null) return;
    if (key === "Enter" || key === " ") this.#press();
    else if (key === "Escape") this.choose(null);
    else if (!this.#move(moveBy(key, this.#cursor, this.#rows, this.#isWeek), shiftKey)) return;
    event.preventDefault();
  }

  /** Enter on what has been stretched as far as it should go is the end of choosing. */
  #press() {
    const { open, length } = this.#selection;
    if (!open && length > 1 && this.#selection.has(this.#cursor)) this.dispatchEvent(new CustomEvent("range-done"));
    else this.#act(this.#cursor);
  }

  /** @returns {boolean} whether the key means anything here */
  #move(to, stretches) {
    if (to === null) return false;
    if (to === "before" || to === "after") this.#leaf(to === "before" ? -1 : 1);
    else {
      if (stretches && !this.#selection.has(this.#cursor)) this.#anchor = this.#cursor;
      this.#setCursor(to);
      if (stretches) this.#stretch(this.#anchor ?? this.#cursor, to);
    }
    return true;
  }

  /** To the day before or after; in a week's board to the week. */
  #leaf(days) {
    const from = this.#isWeek ? this.#days.at(days < 0 ? 0 : -1) : this.#day;
    const day = daysLater(from, days);
    if (daysBetween(this.#today, day) < 0 || daysBetween(day, this.#last) < 0) return;
    this.#cursor = null;
    this.goTo(day);
    this.#cells.at(this.#cursor)?.focus();
  }
}

customElements.define("time-grid", TimeGrid);
