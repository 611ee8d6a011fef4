/**
 * The whole of it for a page: one session, one connection, one cart. A page of another origin has a session by token.
 *
 *     const holdfast = new Holdfast();
 *     holdfast.start();
 *     const availability = holdfast.follow(resource);
 *     await holdfast.holds.hold({ resource: resource.id, items: [["A-12", 1]] });
 *
 * Whoever is signed in (user.js) is shown to the server; when that changes, here or in another tab, the line begins anew.
 *
 * Events: `state` (of the connection), `ended` with `{hold, reason}`, `booking` with the booking.
 */

import { Cart } from "./cart.js";
import { ServerClock } from "./clock.js";
import { Connection } from "./connection.js";
import { Holds } from "./holds.js";
import { Lines } from "./lines.js";
import { Notifications } from "./notifications.js";
import { IS_FOREIGN, socketAddress } from "./origin.js";
import { Session } from "./session.js";
import { TokenSession } from "./token-session.js";
import { user } from "./user.js";

export class Holdfast extends EventTarget {
  clock = new ServerClock();
  cart = new Cart();
  session = IS_FOREIGN ? new TokenSession() : new Session();
  connection;
  holds;
  notifications;
  #lines;
  #userId = user.id;

  /** @param {{url?: string, codec?: object, watching?: boolean}} [options] `watching`: a screen that never holds and never leaves */
  constructor({ url = socketAddress(), codec, watching = false } = {}) {
    super();
    const hasToLose = () => this.cart.held.length > 0 || this.cart.wishes.length > 0;
    this.connection = new Connection(url, { credentials: (refused) => this.#credentials(refused), hasToLose, codec });
    this.#lines = new Lines(this.connection, () => new Connection(url, { credentials: async () => this.session.hello, codec }));
    this.holds = new Holds(this.connection, this.cart);
    this.notifications = new Notifications(this.connection, { user });
    this.connection.addEventListener("welcome", ({ detail }) => this.#welcomed(detail));
    this.connection.addEventListener("message", ({ detail }) => this.#hear(detail));
    this.connection.addEventListener("state", () => this.dispatchEvent(new CustomEvent("state")));
    user.addEventListener("change", () => this.#userChanged());
    this.#followPage(watching);
  }

  get state() {
    return this.connection.state;
  }

  start() {
    this.connection.start();
  }

  /** @returns {Availability} the live slots of a resource, or of some sections of it */
  follow(resource, view) {
    return this.#lines.follow(resource, view);
  }

  async #credentials(refused) {
    await this.session.open(refused);
    return this.session.hello;
  }

  /** A newer token of the same user is only told. Anybody else has another line; who signs in takes the cart along, who signs out does not. */
  #userChanged() {
    const before = this.#userId;
    this.#userId = user.id;
    if (before !== null && before === user.id && user.session?.session === this.session.id) {
      this.#lines.refresh(this.session.hello);
      return;
    }
    if (before !== null) this.cart.welcomed({ cart: null, holds: [] });
    this.#lines.stop();
    this.connection.renew();
  }

  #welcomed(message) {
    if (IS_FOREIGN) {
      this.session.welcomed(message);
      this.connection.remember(this.session.hello);
    }
    this.#lines.welcomed(this.session.hello);
    for (const hold of this.cart.welcomed(message)) this.#tell("ended", { hold, reason: "gone" });
  }

  #hear(message) {
    if (message.server_time) this.clock.observe(message.server_time);
    if (message.type === "hold") this.#holdChanged(message);
    else if (message.type === "cart") this.cart.cartChanged(message);
    else if (message.type === "booking") this.#tell("booking", message.booking ?? message);
  }

  #holdChanged(message) {
    const hold = message.hold ?? message;
    this.cart.holdChanged(hold);
    if (hold.status !== "held" && hold.status !== "paying") this.#tell("ended", { hold, reason: message.reason });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** The page's own life: leaving, coming back from the back/forward cache, waking up, losing the network. */
  #followPage(watching) {
    addEventListener("pagehide", () => this.#leave(watching));
    addEventListener("pageshow", (event) => event.persisted && this.start());
    addEventListener("offline", () => this.#lines.networkLost());
    addEventListener("online", () => this.#lines.networkBack());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#lines.networkBack();
    });
  }

  #leave(watching) {
    if (!watching) {
      this.connection.tell({ type: "leave" });
      if (this.cart.held.length > 0) this.session.beaconLeave();
    }
    this.#lines.stop();
    this.connection.stop();
  }
}
