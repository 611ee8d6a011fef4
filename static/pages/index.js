/** What can be booked, as cards. */

import { formatMoney } from "../client/money.js";
import { listResources } from "../client/resources.js";
import { formatMoment } from "../client/times.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { poster } from "../elements/poster.js";
import { find, startPage } from "./shell.js";

const OFFERS = { seats: "Choose your seats", sessions: "Choose a time", grid: "Choose a time" };
const MANY = 6;

function card(resource) {
  const { id, kind, title, description, address, starts_at: start, time_zone: zone, price_from: price } = resource;
  const offer = make("span.offer", {}, make("span", {}, OFFERS[kind] ?? "Book"), price && make("span", {}, "from ", make("b", {}, formatMoney(price))));
  const when = make("p.when", {}, kind === "grid" ? address : formatMoment(start, zone));
  const body = make("div.body", {}, make("h2", {}, title), when, make("p.about", {}, description ?? ""), offer);
  return make("li", {}, make("a.card", { href: `/resources/${encodeURIComponent(id)}` }, poster(id, kind), body));
}

function showMessage(...children) {
  find("message").hidden = false;
  find("message").replaceChildren(...children);
}

function show(resources) {
  find("cards").replaceChildren(...resources.map(card));
  find("message").hidden = resources.length > 0;
  if (resources.length === 0) showMessage(make("h2", {}, "Nothing here"), make("p", {}, "Nothing like that is on sale just now."));
}

function filterBy(resources, query) {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const found = resources.filter(({ title, description }) => {
    const text = `${title} ${description ?? ""}`.toLocaleLowerCase();
    return words.every((word) => text.includes(word));
  });
  show(found);
  find("found").textContent = `${found.length} found`;
}

async function load() {
  const cards = find("cards");
  try {
    const resources = await listResources();
    show(resources);
    find("parking").hidden = !resources.some(({ kind }) => kind === "grid");
    find("find").hidden = resources.length <= MANY;
    find("query").addEventListener("input", (event) => filterBy(resources, event.target.value));
  } catch (refusal) {
    cards.replaceChildren();
    const again = make("button.secondary", { type: "button", onclick: () => location.reload() }, "Try again");
    showMessage(make("h2", {}, "That did not work"), make("p", {}, sentence(refusal)), again);
  }
  cards.removeAttribute("aria-busy");
}

startPage();
load();
