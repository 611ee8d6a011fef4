/**
 * What is being chosen: a run of free steps. A tap begins, a second one ends, a third begins anew. Pure.
 *
 * `isFree(index)` says what may be booked now; `least` and `most` are lengths in steps; `after` is how many steps behind the end must
 * not be another's, which `blocks(index)` says. What does not fit is cut, and `note` says why.
 */

export class Selection {
  start = null;
  end = null;
  note = "";
  #open = false;
  #rules;

  /** @param {{isFree: (index: number) => boolean, blocks?: (index: number) => boolean, least?: number, most?: number, after?: number}} rules */
  constructor(rules) {
    this.#rules = { least: 1, most: Infinity, after: 0, blocks: () => false, ...rules };
  }

  /** @returns {number} steps chosen; `end` is excluded */
  get length() {
    return this.start === null ? 0 : this.end - this.start;
  }

  /** @returns {boolean} whether the next tap ends the range rather than beginning another */
  get open() {
    return this.#open;
  }

  has(index) {
    return this.start !== null && index >= this.start && index < this.end;
  }

  clear() {
    this.start = null;
    this.end = null;
    this.note = "";
    this.#open = false;
  }

  /** @returns {boolean} whether that could be begun or ended there */
  tap(index) {
    if (this.#open && index >= this.start) return this.#end(index + 1);
    return this.begin(index);
  }

  /** Chooses the least that can be booked from here. */
  begin(index) {
    this.clear();
    if (!this.#rules.isFree(index)) return false;
    this.start = index;
    this.end = this.#reach(index, index + this.#rules.least);
    this.#open = true;
    this.#judge();
    return true;
  }

  /** Moves the end, or the beginning where `index` comes before `anchor`, as dragging and Shift with an arrow do. */
  stretch(anchor, index) {
    if (!this.#rules.isFree(anchor)) return false;
    this.note = "";
    this.#open = false;
    if (index >= anchor) this.#between(anchor, this.#reach(anchor, index + 1));
    else this.#between(this.#reachBack(anchor, index), anchor + 1);
    return true;
  }

  /** Chooses exactly this, as a quick length or an address does; cut where it is not free. */
  set(start, end) {
    this.clear();
    if (!this.#rules.isFree(start)) return false;
    this.#between(start, this.#reach(start, end));
    return true;
  }

  /** Somebody may have taken some of it. @returns {boolean} whether that has changed it */
  review() {
    if (this.start === null) return false;
    const [start, end] = [this.start, this.end];
    const reached = this.#rules.isFree(start) ? this.#reach(start, end) : start;
    if (reached === end) return false;
    if (reached - start < this.#rules.least) this.clear();
    else this.end = reached;
    this.note = "taken";
    return true;
  }

  #end(end) {
    this.note = "";
    this.#between(this.start, this.#reach(this.start, end));
    this.#open = false;
    return true;
  }

  #between(start, end) {
    this.start = start;
    this.end = end;
    if (this.length < this.#rules.least) this.end = this.#reach(start, start + this.#rules.least);
    this.#judge();
  }

  /** What is shorter than the least cannot be booked at all. */
  #judge() {
    if (this.length >= this.#rules.least) return;
    this.clear();
    this.note = "short";
  }

  #reach(start, wanted) {
    const { isFree, most } = this.#rules;
    let end = start;
    while (end < wanted && end - start < most && isFree(end)) end += 1;
    const long = end - start >= most;
    const kept = this.#leaving(start, end);
    if (kept < wanted) this.note = long && kept === end ? "long" : "blocked";
    return kept;
  }

  /** @returns {number} the latest end after which there is room for what is kept free */
  #leaving(start, end) {
    const { blocks, after } = this.#rules;
    const isTight = (at) => Array.from({ length: after }, (_, place) => at + place).some(blocks);
    let kept = end;
    while (kept > start && isTight(kept)) kept -= 1;
    return kept;
  }

  #reachBack(anchor, wanted) {
    const { isFree, most } = this.#rules;
    let start = anchor;
    while (start > wanted && anchor + 1 - start < most && isFree(start - 1)) start -= 1;
    if (start > wanted) this.note = anchor + 1 - start >= most ? "long" : "blocked";
    return start;
  }
}
