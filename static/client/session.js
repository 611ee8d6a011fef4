/**
 * The anonymous session that all tabs of this browser share. Its token is an HttpOnly cookie which no script can read;
 * only the CSRF token is kept here, in memory.
 */

import { change } from "./http.js";

const LOCK = "holdfast.session";

/** Two tabs that open at once wait for each other, so that both get one session. */
function oneTabAtATime(task) {
  return navigator.locks ? navigator.locks.request(LOCK, task) : task();
}

export class Session {
  id = null;
  csrf = null;
  #opening = null;

  /** Opens the session or renews it. @returns {Promise<void>} @throws {Refusal} */
  open() {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #open() {
    const { session, csrf } = await oneTabAtATime(() => change("POST", "/api/sessions"));
    this.id = session;
    this.csrf = csrf;
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
    navigator.sendBeacon("/api/cart/leave", body);
  }
}
