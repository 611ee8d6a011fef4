/** Splitting a bill: how many pay, a link for each of the others, and live who has paid. */

import { formatMoney } from "../client/money.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import { allAttempts, newShare, withdrawShare } from "./attempts.js";
import { paymentSentence } from "./away-words.js";
import { equalShares, mostPeople, openOf, ownShare, shareWords, sharesOf } from "./split-shares.js";
import { tell } from "./shell.js";

export class SplitPanel {
  #element;
  #session;
  #booking = null;
  #payments = [];
  /** Whether payments can be begun, as far as the server knows. */
  isServed = true;
  #drawn = null;

  /** @param {HTMLElement} element @param {Session} session */
  constructor(element, session) {
    this.#element = element;
    this.#session = session;
  }

  /** @returns {number} what nobody has taken on yet, in minor units */
  get open() {
    return openOf(this.#booking.total, this.#payments);
  }

  /** @returns {boolean} whether others pay with the buyer */
  get isSplit() {
    return sharesOf(this.#payments).length > 0;
  }

  /** Shows a booking's shares as they are now. */
  async show(booking) {
    this.#booking = booking;
    const { items, provider_available: served } = await allAttempts(booking);
    if (booking !== this.#booking) return;
    this.isServed = served;
    this.#draw(items);
  }

  #draw(payments) {
    this.#payments = payments;
    const shares = sharesOf(payments);
    const splits = this.#booking.status === "pending" && mostPeople(this.open) > 1;
    this.#element.hidden = shares.length === 0 && !splits;
    const seen = JSON.stringify([this.#booking.status, this.open, shares.map(({ id, status }) => [id, status])]);
    if (seen === this.#drawn) return;
    this.#drawn = seen;
    const focused = document.activeElement.getAttribute("aria-label");
    this.#element.replaceChildren(...this.#parts(shares, splits));
    if (focused) this.#element.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  #parts(shares, splits) {
    const any = shares.length > 0;
    const list = any && make("ul.shares", {}, this.#ownLine(), ...shares.map((share, place) => this.#line(share, place)));
    return [make("h2", {}, any ? "Who pays" : "Split the bill"), list, splits && this.#form(any)].filter(Boolean);
  }

  #ownLine() {
    const own = ownShare(this.#booking.total, this.#payments);
    return own && make("li", {}, standing("You", own));
  }

  #line(share, place) {
    const name = `Share ${place + 1}`;
    const pays = shareWords(share).open && this.#booking.status === "pending";
    return make("li", {}, standing(name, share), pays && this.#link(share, name));
  }

  #link(share, title) {
    const name = title.toLowerCase();
    const field = make("input", { type: "text", readOnly: true, value: share.pay_url, "aria-label": `Link for ${name}`, onfocus: () => field.select() });
    const copy = make("button.secondary", { type: "button", "aria-label": `Copy link for ${name}`, onclick: () => copyLink(field) }, "Copy link");
    const back = make("button.quiet", { type: "button", "aria-label": `Take back ${name}`, onclick: () => this.#once(back, () => withdrawShare(this.#session, share)) }, "Take back");
    return make("div.link", {}, field, copy, back);
  }

  #form(again) {
    const most = mostPeople(this.open);
    const options = Array.from({ length: most - 1 }, (_, place) => make("option", { value: String(place + 2) }, String(place + 2)));
    const people = make("select", { id: "split-people" }, ...options);
    const each = make("p.small", { id: "split-each", role: "status" });
    const tellEach = () => (each.textContent = this.#eachWords(Number(people.value)));
    people.addEventListener("change", tellEach);
    tellEach();
    const button = make("button.secondary", { type: "submit" }, "Make the links");
    const label = make("label", { for: "split-people" }, again ? "Split my part between" : "Split it between");
    return make("form.ask", { onsubmit: (event) => this.#submit(event, button, Number(people.value)) }, label, people, make("span", {}, "people, me included"), each, button);
  }

  #eachWords(people) {
    const parts = equalShares(this.open, people).map((amount) => formatMoney({ ...this.#booking.total, amount }));
    const each = parts[0] === parts.at(-1) ? `Each pays ${parts[0]}.` : `Each pays ${parts.at(-1)} or ${parts[0]}.`;
    return `${each} The booking stands once everybody has paid; otherwise everybody gets their money back.`;
  }

  #submit(event, button, people) {
    event.preventDefault();
    const [, ...others] = equalShares(this.open, people);
    this.#once(button, async () => {
      for (const amount of others) await newShare(this.#session, this.#booking, amount);
    });
  }

  async #once(button, task) {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    try {
      await task();
    } catch (refusal) {
      tell(refusal, paymentSentence);
    } finally {
      button.ariaBusy = "false";
      await this.show(this.#booking).catch(tell);
    }
  }
}

function standing(name, share) {
  const { tone, text } = shareWords(share);
  return make("div.words", {}, make("b", {}, `${name} · ${formatMoney(share.amount)}`), make("span.standing", { "data-tone": tone }, text));
}

async function copyLink(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    notify("The link is copied. Send it to whoever pays this share.", "good");
  } catch {
    field.focus();
    notify("Copy the marked link and send it to whoever pays this share.");
  }
}
