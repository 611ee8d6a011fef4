/** The news of an owner's places, the latest first; it comes by the socket and stays until it is read. */

import { get } from "../client/http.js";
import { make } from "../elements/make.js";
import { tell } from "./shell.js";

const PAGE = 50;

export class Inbox {
  #parts;
  #holdfast;
  #notices = new Map();

  /** @param {{list: HTMLElement, readAll: HTMLButtonElement}} parts */
  constructor(parts, holdfast) {
    this.#parts = parts;
    this.#holdfast = holdfast;
    parts.readAll.addEventListener("click", () => this.#readAll());
    holdfast.connection.addEventListener("message", ({ detail }) => detail.type === "notification" && this.#take(detail));
  }

  /** Reads them anew, what was read in other tabs too. */
  async load() {
    try {
      const { items } = await get(`/api/notifications?limit=${PAGE}`);
      this.#notices = new Map(items.map((notice) => [notice.id, notice]));
      this.#draw();
    } catch (refusal) {
      tell(refusal);
    }
  }

  #take(notice) {
    if (this.#notices.has(notice.id)) return;
    this.#notices.set(notice.id, { ...notice, read_at: null });
    this.#draw();
  }

  async #readAll() {
    const ids = this.#sorted().filter((notice) => !notice.read_at).map(({ id }) => id);
    try {
      await this.#holdfast.session.change("POST", "/api/notifications/read", { ids });
      await this.load();
    } catch (refusal) {
      tell(refusal);
    }
  }

  #sorted() {
    return [...this.#notices.values()].toSorted((one, other) => new Date(other.created_at) - new Date(one.created_at));
  }

  #draw() {
    const notices = this.#sorted();
    this.#parts.readAll.hidden = notices.every(({ read_at: read }) => read);
    this.#parts.list.replaceChildren(...notices.map(entry));
    if (notices.length === 0) this.#parts.list.replaceChildren(make("li", {}, "Nothing yet. What happens to your places appears here at once."));
  }
}

function entry({ title, message, data, created_at: at, read_at: read }) {
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
  const head = make("b", {}, data?.booking ? make("a", { href: `/bookings/${encodeURIComponent(data.booking)}` }, title) : title);
  const unread = !read && make("span.hush", {}, "Unread. ");
  return make("li.entry.news", { "data-unread": String(!read) }, make("div", {}, unread, head), make("span", {}, message), make("time", { dateTime: new Date(at).toISOString() }, when));
}
