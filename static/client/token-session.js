/**
 * The session on a page of another origin, where no cookie of the server's goes along: the socket's first `welcome` brings its token,
 * which is shown from then on. It is kept for as long as the tab lives, so that a reload finds its cart again.
 */

import { change } from "./http.js";
import { ORIGIN } from "./origin.js";
import { user as pagesUser } from "./user.js";

/** @returns {Storage | null} the tab's; null where the browser keeps nothing for this page */
function tabsStorage() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}

export class TokenSession {
  id = null;
  csrf = null;
  #name;
  #storage;
  #user;
  #token;
  #renewed = null;
  #alone = null;
  #waiting = [];

  constructor({ origin = ORIGIN, storage = tabsStorage(), user = pagesUser } = {}) {
    this.#name = `holdfast.session ${origin}`;
    this.#storage = storage;
    this.#user = user;
    this.#token = storage?.getItem(this.#name) ?? null;
  }

  /**
   * Asked before the first line, and whenever the server wants another token. Only what it would not have by itself is forgotten: of a
   * session and a user's token together either may be at fault. Then there may be a newer one of the user; if there is none, or it was
   * refused, too, theirs is shown alone, and if the server has it so, its welcome brings another session.
   * @param {{token?: string, session?: string} | null} [refused] the `hello` that the server would not have
   */
  async open(refused = null) {
    this.#alone = null;
    if (!refused?.token) return;
    if (refused.token === this.#token) {
      this.#keep(null);
      return;
    }
    const renews = refused.token !== this.#renewed && (await this.#user.renew(refused.token));
    this.#renewed = renews ? this.#user.token : null;
    if (refused.session) this.#alone = refused.token;
  }

  /** What a socket's `hello` shows; nothing at first, which opens a session. */
  get hello() {
    const session = this.#token ?? undefined;
    const { signedIn, token } = this.#user;
    if (!signedIn) return { token: session };
    return { token, session: token === this.#alone ? undefined : session };
  }

  /** @returns {Record<string, string>} what a request of the page's own shows; empty before the first welcome */
  get headers() {
    if (this.#user.signedIn) return this.#user.headers;
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }

  /** @param {{session: string, token: string}} welcome of the socket */
  welcomed({ session, token }) {
    this.id = session;
    this.#renewed = null;
    this.#alone = null;
    this.#keep(token);
    if (this.#user.signedIn) this.#user.keepSession({ session, token });
    for (const go of this.#waiting.splice(0)) go();
  }

  /** A change over HTTP in this session's name, once there is one. @returns {Promise<any>} @throws {Refusal} */
  async change(method, path, body, key) {
    if (this.id === null) await new Promise((resolve) => this.#waiting.push(resolve));
    return change(method, path, body, { key, token: this.#token });
  }

  /** The socket has said it; a beacon could carry no token. */
  beaconLeave() {}

  #keep(token) {
    this.#token = token;
    try {
      if (token) this.#storage?.setItem(this.#name, token);
      else this.#storage?.removeItem(this.#name);
    } catch {
      // A full storage: this page knows all the same.
    }
  }
}
