/**
 * What a signed-in user was told, as this tab knows it: the latest first, each once, read in every tab when it is read in one.
 *
 *     const notices = holdfast.notifications;
 *     notices.addEventListener("notice", ({ detail }) => notify(detail.title));   one that this tab has never shown
 *     notices.addEventListener("change", () => draw(notices.items, notices.unread));
 *     await notices.load();          the latest page, read ones too; `await notices.older()` the one before, `notices.hasOlder`
 *     await notices.read(notice);    or several; `await notices.readAll()`
 *
 * The server sends all that is unread after each hello, and what is new as it happens; so a page that never loads any still
 * shows all that waits. A notice is `{id, kind, title, message, data, at, read}`; its texts are plain: show them as text.
 */

import { change, get } from "./http.js";

const KEPT = 500;
const AT_ONCE = 500;
const PAGE = 50;
const SHOWN = "holdfast.notices.shown";

/** @returns {Storage} what this tab keeps from page to page; where the browser keeps nothing, until the next page */
function storageOf(world) {
  try {
    if (world.sessionStorage) return world.sessionStorage;
  } catch {
    // A browser that blocks storage throws at the mere question.
  }
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
}

/** The ids that this tab has shown, the latest of them, on whichever of its pages. */
class Shown {
  #storage;
  #ids;

  constructor(storage) {
    this.#storage = storage;
    this.#ids = new Set(this.#kept());
  }

  #kept() {
    try {
      const ids = JSON.parse(this.#storage.getItem(SHOWN) ?? "[]");
      return Array.isArray(ids) ? ids : [];
    } catch {
      return [];
    }
  }

  /** @returns {boolean} whether it is new to this tab; from now on it is not */
  add(id) {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > KEPT) this.#ids.delete(this.#ids.values().next().value);
    try {
      this.#storage.setItem(SHOWN, JSON.stringify([...this.#ids]));
    } catch {
      // A full storage costs showing one again on the next page.
    }
    return true;
  }
}

export class Notifications extends EventTarget {
  hasOlder = false;
  #notices = new Map();
  #readEarly = new Set();
  #shown;
  #user;
  #http;
  #next = null;
  #welcomes = 0;
  #arrived = 0;

  /**
   * @param {Connection} connection
   * @param {{user: User, world?: object, http?: {get: Function, change: Function}}} options whose notices they are: when that changes,
   *   they are somebody else's
   */
  constructor(connection, { user, world = globalThis, http = { get, change } }) {
    super();
    this.#user = user.id;
    this.#http = http;
    this.#shown = new Shown(storageOf(world));
    connection.addEventListener("message", ({ detail }) => this.#hear(detail));
    connection.addEventListener("welcome", () => this.#welcomed());
    user.addEventListener("change", () => user.id !== this.#user && this.#forget(user.id));
  }

  /** @returns {object[]} the latest first */
  get items() {
    return [...this.#notices.values()].sort((one, other) => other.at - one.at || other.order - one.order);
  }

  /** @returns {number} how many this tab knows of that nobody has read; after a hello it knows of all */
  get unread() {
    return [...this.#notices.values()].filter(({ read }) => !read).length;
  }

  /** The latest page, read ones too. @throws {Refusal} */
  async load() {
    this.#takePage(await this.#http.get(`/api/notifications?limit=${PAGE}`));
  }

  /** The page before the oldest one that was loaded. @throws {Refusal} */
  async older() {
    if (!this.hasOlder) return;
    this.#takePage(await this.#http.get(`/api/notifications?limit=${PAGE}&after=${encodeURIComponent(this.#next)}`));
  }

  /** They are read, here at once and in every tab when the server knows. @throws {Refusal} and then they are not */
  async read(...notices) {
    const ids = notices.map(({ id }) => id).filter((id) => this.#notices.get(id)?.read === false);
    if (ids.length === 0) return;
    this.#mark(ids, true);
    try {
      for (let start = 0; start < ids.length; start += AT_ONCE) {
        await this.#http.change("POST", "/api/notifications/read", { ids: ids.slice(start, start + AT_ONCE) });
      }
    } catch (refusal) {
      this.#mark(ids, false);
      throw refusal;
    }
  }

  /** All that are shown are read. @throws {Refusal} */
  readAll() {
    return this.read(...this.items);
  }

  #hear(message) {
    if (message.type === "notification") this.#told(message);
    else if (message.type === "notifications_read") this.#mark(message.ids, true);
  }

  /** What was read elsewhere while the line was down, only a page can tell. */
  #welcomed() {
    this.#welcomes += 1;
    if (this.#welcomes > 1 && this.#user && this.unread > 0) this.load().catch(() => {});
  }

  #told(message) {
    const { id, kind, title, message: text, data, created_at: at } = message;
    if (this.#notices.has(id)) return;
    const notice = this.#keep({ id, kind, title, message: text, data, at, read: this.#readEarly.delete(id) });
    this.#bound();
    this.#announce("change");
    if (!notice.read && this.#shown.add(id)) this.#announce("notice", notice);
  }

  #takePage({ items, next }) {
    for (const { created_at: at, read_at: readAt, ...item } of [...items].reverse()) {
      const known = this.#notices.get(item.id);
      const read = readAt !== null || known?.read === true;
      if (known) known.read = read;
      else this.#keep({ ...item, at: Date.parse(at), read });
    }
    this.#next = next;
    this.hasOlder = next !== null;
    this.#announce("change");
  }

  #keep(notice) {
    this.#arrived += 1;
    const kept = { ...notice, order: this.#arrived };
    this.#notices.set(kept.id, kept);
    return kept;
  }

  /** The oldest that are read go first; what is unread stays, whatever it comes to. */
  #bound() {
    const over = this.#notices.size - KEPT;
    if (over <= 0) return;
    const read = this.items.filter((notice) => notice.read).reverse();
    for (const { id } of read.slice(0, over)) this.#notices.delete(id);
  }

  #mark(ids, read) {
    for (const id of ids) {
      const notice = this.#notices.get(id);
      if (notice) notice.read = read;
      else if (read) this.#noteEarly(id);
    }
    this.#announce("change");
  }

  /** Its notice may still be on the way. */
  #noteEarly(id) {
    this.#readEarly.add(id);
    if (this.#readEarly.size > KEPT) this.#readEarly.delete(this.#readEarly.values().next().value);
  }

  #forget(user) {
    this.#user = user;
    this.#notices.clear();
    this.#readEarly.clear();
    this.#next = null;
    this.hasOlder = false;
    this.#announce("change");
  }

  #announce(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
