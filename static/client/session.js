/**
 * The session that all tabs of this browser share. An anonymous one's token is an HttpOnly cookie which no script can read; only the
 * CSRF token is kept here, in memory. Who signs in takes the session along, cart and all: from then on it is opened by the user's
 * token and its own together, and the cookie alone is good for nothing.
 */

import { change, isOfTokens } from "./http.js";
import { user as browsersUser } from "./user.js";

const LOCK = "holdfast.session";

/** Two tabs that open at once wait for each other, so that both get one session. */
function oneTabAtATime(task) {
  return navigator.locks ? navigator.locks.request(LOCK, task) : task();
}

export class Session {
  id = null;
  csrf = null;
  #user;
  #opening = null;

  constructor(user = browsersUser) {
    this.#user = user;
    user.addEventListener("change", () => {
      this.csrf = null;
    });
  }

  /** Opens the session or renews it. @returns {Promise<void>} @throws {Refusal} */
  open() {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  /** Who signs in or out meanwhile is whose session it is. */
  async #open() {
    const { session, csrf, whose } = await oneTabAtATime(() => this.#asWhoeverIsThere());
    if (this.#user.id !== whose) return this.#open();
    this.id = session;
    this.csrf = csrf;
    return undefined;
  }

  #asWhoeverIsThere() {
    this.#user.look();
    return this.#user.signedIn ? this.#asUser() : anonymously();
  }

  /** As the user, if their token still holds; otherwise nobody is signed in any more. */
  async #asUser() {
    try {
      return await this.#usersOwn();
    } catch (refusal) {
      if (!isOfTokens(refusal)) throw refusal;
      this.#user.signOut();
      return anonymously();
    }
  }

  /** The session that is the user's already, or else the one that this browser has: it is the user's from then on. */
  async #usersOwn() {
    const { id } = this.#user;
    if (this.#user.session) {
      try {
        return this.#keep(await change("POST", "/api/sessions"), id);
      } catch (refusal) {
        if (refusal.code !== "unauthorized") throw refusal;
        this.#keep(null, id);
      }
    }
    this.#keep(await anonymously(), id);
    return this.#keep(await change("POST", "/api/sessions"), id);
  }

  /** Unless somebody else has signed in meanwhile. */
  #keep(opened, whose) {
    if (this.#user.id === whose) this.#user.keepSession(opened);
    return { ...opened, whose };
  }

  /** What a socket's `hello` shows; the cookie comes by itself. */
  get hello() {
    const { signedIn, token, session } = this.#user;
    return signedIn ? { token, session: session?.token } : {};
  }

  /** A change over HTTP in this session's name. @returns {Promise<any>} @throws {Refusal} */
  async change(method, path, body, key) {
    if (!this.csrf) await this.open();
    return change(method, path, body, { csrf: this.csrf, key });
  }

  /** Says that the page is going away; the browser delivers it even when the page is gone. */
  beaconLeave() {
    if (!this.csrf) return;
    const body = new Blob([JSON.stringify({ csrf: this.csrf })], { type: "application/json" });
    if (this.#user.signedIn) fetch("/api/cart/leave", { method: "POST", body, headers: this.#user.headers, keepalive: true }).catch(() => {});
    else navigator.sendBeacon("/api/cart/leave", body);
  }
}

async function anonymously() {
  return { ...(await change("POST", "/api/sessions", {}, { anonymous: true })), whose: null };
}
