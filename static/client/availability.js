/**
 * Follows one resource's slots over a connection and keeps their replica right. A connection has one of these for each resource at a
 * time, for the server has one view of a channel for it: lines.js sees to that.
 *
 * Events: `change` with `{changed: number[] | null}` (null: everything may differ), `layout` when the resource must be
 * fetched again, `fresh` whenever the server has spoken of this channel.
 */

import { QUIET_LIMIT, State, availabilityChannel } from "./protocol.js";
import { Outcome, Replica } from "./replica.js";

export class Availability extends EventTarget {
  replica;
  refusal = null;
  #connection;
  #channel;
  #view;
  #layout;
  #heard = null;
  #spoke = null;
  #indices = null;
  #before = null;
  #repairing = false;
  #turn = 0;
  #doubted = false;
  #now;
  #later;
  #listeners = new AbortController();

  /**
   * @param {Connection} connection
   * @param {{id: string, layout: number}} resource
   * @param {{sections?: string[], indices?: number[], now?: () => number, later?: Function}} [view] a partial view and the indices of its slots
   */
  constructor(connection, resource, { sections, indices, now = () => performance.now(), later = setTimeout } = {}) {
    super();
    this.#connection = connection;
    this.#channel = availabilityChannel(resource.id);
    this.#layout = resource.layout;
    this.#now = now;
    this.#later = (task, wait) => later(task, wait);
    this.#look(sections, indices);
    const { signal } = this.#listeners;
    connection.addEventListener("welcome", () => this.#subscribe(), { signal });
    connection.addEventListener("message", ({ detail }) => this.#hear(detail), { signal });
    if (connection.state === "live") this.#subscribe();
  }

  /** @returns {number | null} milliseconds since what is shown was last known to be true; null if it never was */
  get age() {
    return this.#heard === null ? null : this.#now() - this.#heard;
  }

  /** Whether what is shown may be out of date, although the page's line stands perhaps: this may have a line of its own. */
  get stale() {
    return this.#connection.state !== State.LIVE || this.#doubted || this.#isForgotten();
  }

  get closed() {
    return this.#listeners.signal.aborted;
  }

  #isForgotten() {
    return this.#spoke !== null && this.#now() - this.#spoke > QUIET_LIMIT;
  }

  /**
   * Follows another part of the resource from now on, or all of it: a map that shows one block hears of that block alone.
   * The replica is a new one, which has no numbers until the server has sent them: then there is a `change`. What was known
   * before of slots that it does not have is still what `numbers` says.
   * @param {{sections?: string[], indices?: number[]}} [view] as for the constructor
   */
  show({ sections, indices } = {}) {
    if (this.replica.ready) this.#remember();
    this.#look(sections, indices);
    if (this.#connection.state === "live") this.#subscribe();
  }

  /** @returns {{available: number, held: number} | null} of slot `index`: as it is, or as it last was; null if that was never known */
  numbers(index) {
    const known = this.replica.ready && (this.#indices === null || this.replica.place(index) >= 0);
    return known ? this.replica.at(index) : (this.#before?.at(index) ?? null);
  }

  /** What a part has told is written into what is known of all. */
  #remember() {
    if (this.#indices === null) this.#before = this.replica;
    else for (const index of this.#indices) this.#before?.set(index, this.replica.at(index));
  }

  #look(sections, indices) {
    this.#view = sections && { sections };
    this.#indices = sections ? indices : null;
    this.replica = new Replica(this.#indices);
  }

  /** Follows it no more: what was asked for before is nobody's, and asked for again by nobody. */
  close() {
    this.#turn += 1;
    this.#listeners.abort();
    this.#connection.ask({ type: "unsubscribe", channel: this.#channel }).catch(() => {});
  }

  async #subscribe() {
    if (this.closed) return;
    const turn = ++this.#turn;
    this.#repairing = true;
    const question = { type: "subscribe", channel: this.#channel, position: this.replica.position, view: this.#view };
    try {
      await this.#connection.ask(question);
      this.refusal = null;
    } catch (refusal) {
      if (turn === this.#turn) this.#refused(refusal);
    }
    if (turn === this.#turn) this.#repairing = false;
  }

  /** What may be had later is asked for again; after a lost line the next welcome does it. Of a part that is no more, all is. */
  #refused(refusal) {
    if (this.#view && refusal.code === "not_found") {
      this.show();
      return;
    }
    this.refusal = refusal;
    if (refusal.retry === "never") this.dispatchEvent(new CustomEvent("refused", { detail: refusal }));
    else this.#later(() => this.#connection.state === "live" && this.#subscribe(), (refusal.retryAfter ?? 1) * 1000);
  }

  #hear(message) {
    if (message.type === "heartbeat") this.#beat(message.stale === true);
    if (message.channel !== this.#channel) return;
    if (message.type === "snapshot") this.#isOfView(message) && this.#snapshot(message);
    else if (message.type === "delta") this.#tell(this.replica.delta(message));
  }

  /** Whether a snapshot is of what is shown now, and not of the view before. */
  #isOfView({ sections }) {
    if (!this.#view || !sections) return !this.#view && !sections;
    const wanted = new Set(this.#view.sections);
    return wanted.size === sections.length && sections.every((name) => wanted.has(name));
  }

  /** By its heartbeats the server says whether it sees the truth itself; if so, a channel that is quiet is true. */
  #beat(stale) {
    if (this.#isForgotten() && !this.#repairing) this.#subscribe();
    if (!stale && this.replica.ready && !this.#repairing && !this.#isForgotten()) this.#heard = this.#now();
    if (stale === this.#doubted) return;
    this.#doubted = stale;
    this.dispatchEvent(new CustomEvent("fresh"));
  }

  /** By another layout a part may have other slots: until it is known which they are, all is followed. */
  #snapshot(message) {
    if (this.#indices && message.count !== this.#indices.length) this.show();
    else this.#tell(this.replica.snapshot(message));
    if (message.layout === this.#layout) return;
    this.#layout = message.layout;
    this.#before = null;
    this.dispatchEvent(new CustomEvent("layout", { detail: message.layout }));
  }

  #tell({ outcome, changed }) {
    if (outcome === Outcome.GAP) {
      if (!this.#repairing) this.#subscribe();
      return;
    }
    this.#heard = this.#now();
    this.#spoke = this.#heard;
    this.#doubted = false;
    this.dispatchEvent(new CustomEvent("fresh"));
    if (outcome === Outcome.APPLIED) this.dispatchEvent(new CustomEvent("change", { detail: { changed } }));
  }
}
