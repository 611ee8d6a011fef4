/**
 * Follows one resource's slots over a connection and keeps their replica right.
 *
 * Events: `change` with `{changed: number[] | null}` (null: everything may differ), `layout` when the resource must be
 * fetched again, `fresh` whenever the server has spoken of this channel.
 */

import { QUIET_LIMIT, availabilityChannel } from "./protocol.js";
import { Outcome, Replica } from "./replica.js";

export class Availability extends EventTarget {
  replica;
  refusal = null;
  #connection;
  #channel;
  #view;
  #layout;
  #heard = null;
  #repairing = false;
  #doubted = false;
  #now;
  #listeners = new AbortController();

  /**
   * @param {Connection} connection
   * @param {{id: string, layout: number}} resource
   * @param {{sections?: string[], indices?: number[], now?: () => number}} [view] a partial view and the indices of its slots
   */
  constructor(connection, resource, { sections, indices, now = () => performance.now() } = {}) {
    super();
    this.#connection = connection;
    this.#channel = availabilityChannel(resource.id);
    this.#layout = resource.layout;
    this.#view = sections && { sections };
    this.#now = now;
    this.replica = new Replica(sections ? indices : null);
    const { signal } = this.#listeners;
    connection.addEventListener("welcome", () => this.#subscribe(), { signal });
    connection.addEventListener("message", ({ detail }) => this.#hear(detail), { signal });
    if (connection.state === "live") this.#subscribe();
  }

  /** @returns {number | null} milliseconds since the server last spoke of this channel; null if it never has */
  get age() {
    return this.#heard === null ? null : this.#now() - this.#heard;
  }

  /** Whether what is shown may be out of date although the line stands. */
  get stale() {
    return this.#doubted || (this.age !== null && this.age > QUIET_LIMIT);
  }

  close() {
    this.#listeners.abort();
    this.#connection.ask({ type: "unsubscribe", channel: this.#channel }).catch(() => {});
  }

  async #subscribe() {
    this.#repairing = true;
    const question = { type: "subscribe", channel: this.#channel, position: this.replica.position, view: this.#view };
    try {
      await this.#connection.ask(question);
      this.refusal = null;
    } catch (refusal) {
      this.refusal = refusal;
      this.dispatchEvent(new CustomEvent("refused", { detail: refusal }));
    }
    this.#repairing = false;
  }

  #hear(message) {
    if (message.type === "heartbeat") this.#doubt(message.stale === true);
    if (message.channel !== this.#channel) return;
    if (message.type === "snapshot") this.#snapshot(message);
    else if (message.type === "delta") this.#tell(this.replica.delta(message));
  }

  /** The server says by its heartbeats while it cannot see the truth itself. */
  #doubt(stale) {
    if (stale === this.#doubted) return;
    this.#doubted = stale;
    this.dispatchEvent(new CustomEvent("fresh"));
  }

  #snapshot(message) {
    this.#tell(this.replica.snapshot(message));
    if (message.layout === this.#layout) return;
    this.#layout = message.layout;
    this.dispatchEvent(new CustomEvent("layout", { detail: message.layout }));
  }

  #tell({ outcome, changed }) {
    if (outcome === Outcome.GAP) {
      if (!this.#repairing) this.#subscribe();
      return;
    }
    this.#heard = this.#now();
    this.#doubted = false;
    this.dispatchEvent(new CustomEvent("fresh"));
    if (outcome === Outcome.APPLIED) this.dispatchEvent(new CustomEvent("change", { detail: { changed } }));
  }
}
