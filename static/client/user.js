/**
 * Who is signed in in this browser. A user's JWT comes from the owner of the shop, by `/sign-in#token=…&next=/path` or by `signIn`;
 * it is kept in localStorage, with the token of the session that it made a user's, so that all tabs share both.
 *
 *     import { user } from "…/client/user.js";
 *     user.signedIn   user.id   user.name   user.roles   user.has("owner")   user.expiresAt (ms)
 *     user.addEventListener("change", …)      somebody signed in or out, here or in another tab, or has a newer token
 *     user.signIn(token)   user.signOut()     throws a Refusal for what is no token
 *     user.renewer = async () => token        asked when the server says that the token is over; null: there is none
 *     signInAddress("/my-bookings")           where somebody may sign in and come back from
 *
 * Nothing else is needed: `get` and `change` of http.js, `Session` and `Holdfast` show who is signed in by themselves.
 */

import { Refusal } from "./refusal.js";

const KEY = "holdfast.user";

/** @returns {Storage} this origin's; where the browser keeps nothing, one that forgets with the page */
function storageOf(world) {
  try {
    if (world.localStorage) return world.localStorage;
  } catch {
    // A browser that blocks storage throws at the mere question.
  }
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
}

/** @returns {{sub: string, name?: string, roles?: string[], exp: number} | null} what a JWT says; whether it is true the server knows */
export function claimsOf(token) {
  try {
    const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (letter) => letter.codePointAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims.sub === "string" && Number.isFinite(claims.exp) ? claims : null;
  } catch {
    return null;
  }
}

/** @returns {string} a path of this origin, and "/" for anything that leads elsewhere */
export function ownPath(next, origin = location.origin) {
  if (typeof next !== "string" || !next.startsWith("/") || !URL.canParse(next, origin)) return "/";
  const { origin: there, pathname, search, hash } = new URL(next, origin);
  return there === origin && !pathname.startsWith("//") ? pathname + search + hash : "/";
}

/** @returns {string} the address of the page where one signs in, and that leads back to `next` */
export function signInAddress(next = "/") {
  return `/sign-in#next=${encodeURIComponent(next)}`;
}

export class User extends EventTarget {
  renewer = null;
  #storage;
  #token = null;
  #session = null;
  #claims = null;
  #renewing = null;

  constructor(world = globalThis.document ? globalThis : {}) {
    super();
    this.#storage = storageOf(world);
    this.#read();
    world.addEventListener?.("storage", ({ key }) => (key === KEY || key === null) && this.look());
  }

  get signedIn() {
    return this.#claims !== null;
  }

  get id() {
    return this.#claims?.sub ?? null;
  }

  /** @returns {string} what to call them */
  get name() {
    return this.#claims?.name || this.id || "";
  }

  /** @returns {string[]} */
  get roles() {
    return Array.isArray(this.#claims?.roles) ? this.#claims.roles : [];
  }

  /** @returns {boolean} whether they have this role */
  has(role) {
    return this.roles.includes(role);
  }

  /** @returns {number | null} when the token ends, in milliseconds */
  get expiresAt() {
    return this.#claims && Math.floor(this.#claims.exp) * 1000;
  }

  get token() {
    return this.#token;
  }

  /** @returns {{session: string, token: string} | null} the session that is this user's, once there is one */
  get session() {
    return this.#session;
  }

  /** @returns {Record<string, string>} what a request shows */
  get headers() {
    if (!this.signedIn) return {};
    const headers = { Authorization: `Bearer ${this.#token}` };
    return this.#session ? { ...headers, "Holdfast-Session": this.#session.token } : headers;
  }

  /** Somebody is signed in from now on; the same somebody keeps their session. @throws {Refusal} for what is no token */
  signIn(token) {
    const claims = claimsOf(token);
    if (!claims) throw new Refusal({ code: "unauthorized", message: "This is no token of a user." });
    this.#keep(token, claims.sub === this.id ? this.#session : null);
  }

  signOut() {
    if (this.signedIn) this.#keep(null, null);
  }

  /** The session that is this user's, null if theirs turned out to be of no use. @param {{session: string, token: string} | null} opened */
  keepSession(opened) {
    this.#session = opened && { session: opened.session, token: opened.token };
    this.#write();
  }

  /** Another tab may have signed in, out or opened a session just now. */
  look() {
    const [token, session] = [this.#token, this.#session?.session];
    this.#read();
    if (this.#token !== token || this.#session?.session !== session) this.dispatchEvent(new CustomEvent("change"));
  }

  /**
   * The server refused `used`. @returns {Promise<boolean>} whether there is another token of the same user by now
   */
  async renew(used) {
    const { id } = this;
    if (this.#token !== used) return this.id === id && this.signedIn;
    this.#renewing ??= this.#askForToken().finally(() => {
      this.#renewing = null;
    });
    await this.#renewing;
    return this.signedIn && this.id === id && this.#token !== used;
  }

  async #askForToken() {
    try {
      const token = await this.renewer?.();
      if (token) this.signIn(token);
    } catch {
      // Who could not be asked has no newer token.
    }
  }

  #keep(token, session) {
    this.#token = token;
    this.#session = session;
    this.#claims = token && claimsOf(token);
    this.#write();
    this.dispatchEvent(new CustomEvent("change"));
  }

  #write() {
    try {
      if (this.#token) this.#storage.setItem(KEY, JSON.stringify({ token: this.#token, session: this.#session }));
      else this.#storage.removeItem(KEY);
    } catch {
      // A full storage: this tab knows all the same.
    }
  }

  #read() {
    let kept = null;
    try {
      kept = JSON.parse(this.#storage.getItem(KEY));
    } catch {
      // Not ours, or blocked: nobody is signed in.
    }
    const claims = claimsOf(kept?.token);
    this.#token = claims && kept.token;
    this.#session = claims && typeof kept.session?.token === "string" ? kept.session : null;
    this.#claims = claims;
  }
}

/** This browser's. */
export const user = new User();
