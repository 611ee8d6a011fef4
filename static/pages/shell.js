/** What every page does first: the line to the server, its state in the header, the ribbon of a test shop. */

import { Holdfast } from "../client/holdfast.js";
import { user } from "../client/user.js";
import { ending, sentence } from "../client/wording.js";
import "../elements/connection-state.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";

/** @returns {HTMLElement} by its id */
export function find(id) {
  return document.getElementById(id);
}

/** @param {number} [after] how many words follow it @returns {string} the id at the end of this page's address */
export function idOfPage(after = 0) {
  return decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1 - after) ?? "");
}

export const isSandbox = document.querySelector('meta[name="payments"]')?.content === "sandbox";

/** Says on every page that takes orders that the sandbox takes the money. */
function showSandbox() {
  const ribbon = find("ribbon");
  if (ribbon) ribbon.hidden = !isSandbox;
  for (const hint of document.querySelectorAll("[data-sandbox]")) hint.hidden = !isSandbox;
}

/** The ways to what is one's own; screens on walls have no header. */
function showWays() {
  const brand = document.querySelector(".top .brand");
  if (!brand) return;
  const ways = make("nav.ways", { "aria-label": "Yours" });
  const draw = () => {
    const list = [["/my-bookings", "My bookings"], user.has("owner") && ["/owner", "My places"], user.signedIn && ["/preferences", "How to be told"]].filter(Boolean);
    ways.replaceChildren(...list.map(([href, name]) => make("a", { href, "aria-current": location.pathname === href ? "page" : null }, name)));
  };
  draw();
  user.addEventListener("change", draw);
  brand.after(ways);
}

/** @returns {Holdfast} started; holds that end are told @param {{watching?: boolean, availability?: () => object}} [options] */
export function startPage({ watching = false, availability } = {}) {
  showSandbox();
  showWays();
  const holdfast = new Holdfast({ watching });
  for (const element of document.querySelectorAll("connection-state")) element.follow(holdfast, availability);
  holdfast.addEventListener("ended", ({ detail }) => tellEnding(detail));
  if (!watching) holdfast.notifications.addEventListener("notice", ({ detail }) => notify(`${detail.title}. ${detail.message}`));
  holdfast.start();
  return holdfast;
}

function tellEnding({ hold, reason }) {
  const words = ending(reason) ?? ending(hold.status);
  if (words) notify(words, "problem");
}

/** Tells a refusal; anything else is a fault of ours and goes on. @param {(refusal: Refusal) => string} [words] */
export function tell(refusal, words = sentence) {
  if (refusal?.name !== "Refusal") throw refusal;
  notify(words(refusal), "problem");
}
