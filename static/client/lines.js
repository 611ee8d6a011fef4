/**
 * The connections over which a page follows resources. The server has one view of a channel for each connection, and whoever subscribes
 * again replaces it. So what is followed twice at once, by two elements of one page, is followed over two: the page's own, which alone
 * speaks of holds, and a further one beside it. A further one stays for whoever is next to follow something.
 */

import { Availability } from "./availability.js";
import { State } from "./protocol.js";

export class Lines {
  #own;
  #open;
  #further = [];
  #followed = [];

  /** @param {Connection} own the page's @param {() => Connection} open a further one of the same session, not started */
  constructor(own, open) {
    this.#own = own;
    this.#open = open;
  }

  /** @returns {Availability} the live slots of a resource, or of some sections of it, over a connection that follows them for nobody else */
  follow(resource, view) {
    this.#followed = this.#followed.filter(({ availability }) => !availability.closed);
    const busy = new Set(this.#followed.filter(({ id }) => id === resource.id).map(({ connection }) => connection));
    const connection = [this.#own, ...this.#further].find((each) => !busy.has(each)) ?? this.#another();
    const availability = new Availability(connection, resource, view);
    this.#followed.push({ availability, connection, id: resource.id });
    return availability;
  }

  #another() {
    const connection = this.#open();
    this.#further.push(connection);
    if (this.#own.state === State.LIVE) connection.start();
    return connection;
  }

  /** The page's own is welcome: it has a session, and the others go by the same. @param {{token?: string}} hello */
  welcomed(hello) {
    for (const each of this.#further) {
      each.remember(hello);
      each.start();
    }
  }

  /** Until the page's own is welcomed again. */
  stop() {
    for (const each of this.#further) each.stop();
  }

  networkLost() {
    for (const each of [this.#own, ...this.#further]) each.networkLost();
  }

  networkBack() {
    for (const each of [this.#own, ...this.#further]) each.networkBack();
  }

  /** @param {{token?: string}} hello with newer credentials of the same */
  refresh(hello) {
    for (const each of [this.#own, ...this.#further]) each.refresh(hello);
  }
}
