/** What others booked of an owner's places, as far as it was asked for or told: what waits for their word, and who comes in a week. */

import { daysLater } from "../client/days.js";

const DAYS = 7;
const PAGE = 200;
const COMING = "pending,confirmed,completed";

/**
 * Lists and news come in any order. Of each booking that counts which was asked for last, so that a long list puts nothing back that was
 * told while it was read.
 */
export class OwnBookings {
  #get;
  #asked = 0;
  #doubted = 0;
  #bookings = new Map();
  #weeks = new Map();

  /** @param {(path: string) => Promise<any>} get what an address answers; it may throw a Refusal */
  constructor(get) {
    this.#get = get;
  }

  /** @returns {object[]} */
  get all() {
    return [...this.#bookings.values()].map(({ booking }) => booking);
  }

  /** @returns {number} taken before something is asked for, and given along with what comes of it */
  ask() {
    this.#asked += 1;
    return this.#asked;
  }

  take(booking, asked = this.ask()) {
    if (asked >= (this.#bookings.get(booking.id)?.asked ?? 0)) this.#bookings.set(booking.id, { booking, asked });
  }

  /** All that waits for the owner's word. @throws {Refusal} */
  readRequests() {
    return this.#read({ approval: "awaited" }, this.ask());
  }

  /** All who come in the seven days from this one, by the clocks of each place: none is a day away from UTC. @throws {Refusal} */
  async readWeek(first) {
    const asked = this.ask();
    await this.#read({ status: COMING, from: daysLater(first, -1), to: daysLater(first, DAYS) }, asked);
    if (asked > this.#doubted) this.#weeks.set(first, { asked });
  }

  async #read(query, asked) {
    let after = {};
    while (after) {
      const page = await this.#get(`/api/bookings?${new URLSearchParams({ role: "owner", limit: PAGE, ...query, ...after })}`);
      for (const booking of page.items) this.take(booking, asked);
      after = page.next && { after: page.next };
    }
  }

  /** @returns {boolean} whether all who come in that week are known, so that nobody else does */
  knows(first) {
    return this.#weeks.has(first);
  }

  /** All has been read anew since then: what was in no list of it, and not told since, is an owner's business no more. */
  forgetBefore(then) {
    for (const known of [this.#bookings, this.#weeks]) for (const [key, { asked }] of known) if (asked < then) known.delete(key);
  }

  /** Something may have been missed: of no week is known who else comes until it is asked for again. */
  doubt() {
    this.#doubted = this.ask();
    this.#weeks.clear();
  }
}
