/** The news of an owner's places, the latest first; they come by the socket and stay until they are read. */

import { make } from "../elements/make.js";
import { settle, settleOf } from "../elements/settle.js";
import { tell } from "./shell.js";

export class Inbox {
  #parts;
  #notices;

  /** @param {{list: HTMLElement, readAll: HTMLButtonElement}} parts @param {Notifications} notices */
  constructor(parts, notices) {
    this.#parts = parts;
    this.#notices = notices;
    parts.readAll.addEventListener("click", () => notices.readAll().catch(tell));
    notices.addEventListener("change", () => this.#draw());
  }

  /** What was read before, too. */
  async load() {
    try {
      await this.#notices.load();
    } catch (refusal) {
      tell(refusal);
    }
    this.#draw();
  }

  #draw() {
    const { items, unread } = this.#notices;
    this.#parts.readAll.hidden = unread === 0;
    settleOf(this.#parts.list, items, ({ title, message, data, at, read }) => [title, message, data, at, read], entry);
    if (items.length === 0) settle(this.#parts.list, [make("li", {}, "Nothing yet. What happens to your places appears here at once.")]);
  }
}

function entry({ title, message, data, at, read }) {
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(at);
  const head = make("b", {}, data?.booking ? make("a", { href: `/bookings/${encodeURIComponent(data.booking)}` }, title) : title);
  const unread = !read && make("span.hush", {}, "Unread. ");
  return make("li.entry.news", { "data-unread": String(!read) }, make("div", {}, unread, head), make("span", {}, message), make("time", { dateTime: new Date(at).toISOString() }, when));
}
