/** Finding a place to park: what is free for all of the time that is wanted, as it is at this moment. */

import { clockAt } from "../client/days.js";
import { findPlaces } from "../client/finding.js";
import { formatMoney } from "../client/money.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { settleOf } from "../elements/settle.js";
import { addressOf, foundWords, linkTo, troubleWith, wishOf, wishWords, whenWords } from "./find-words.js";
import { find, startPage } from "./shell.js";

/** What is shown is asked for again after this long, in milliseconds, while somebody looks at it. */
const REFRESH = 30_000;

const holdfast = startPage({ watching: true });
const form = find("seek");
let wish = null;
let turn = 0;
let timer = null;
let lost = false;

function viewersClock() {
  return clockAt(holdfast.clock.now(), Intl.DateTimeFormat().resolvedOptions().timeZone);
}

/** The form as the address has it. @param {boolean} [first] what was typed before this page could listen stays */
function fill(first = false) {
  wish = wishOf(location.search, viewersClock());
  for (const [name, value] of Object.entries({ q: wish.text, day: wish.day, from: wish.from, to: wish.to })) {
    const field = form.elements.namedItem(name);
    if (!first || field.value === "") field.value = value;
  }
  find("day").min = viewersClock().day;
  span();
}

function typed() {
  const values = Object.fromEntries(new FormData(form));
  return { text: values.q.trim(), day: values.day, from: values.from, to: values.to };
}

function span() {
  const now = typed();
  find("span").textContent = troubleWith(now) ? "" : wishWords(now);
}

function submit(event) {
  event.preventDefault();
  const wanted = typed();
  const trouble = troubleWith(wanted);
  find("problem").textContent = trouble ?? "";
  if (trouble) return;
  wish = wanted;
  if (addressOf(wish) !== location.search) history.pushState(null, "", addressOf(wish));
  search();
}

/** @param {boolean} quietly what is shown stays while it is asked for again */
async function search(quietly = false) {
  turn += 1;
  const mine = turn;
  clearTimeout(timer);
  if (!quietly) find("places").setAttribute("aria-busy", "true");
  try {
    const places = await findPlaces(wish);
    if (mine === turn) show(places);
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
    if (mine === turn) failed(refusal, quietly);
  }
  if (mine === turn) timer = setTimeout(again, REFRESH);
}

function again() {
  if (document.visibilityState === "visible" && wish) search(true);
}

function show(places) {
  lost = false;
  find("places").removeAttribute("aria-busy");
  const words = foundWords(places.length);
  if (find("found").textContent !== words) find("found").textContent = words;
  settleOf(find("places"), places, factsOf, card);
  find("message").hidden = places.length > 0;
  if (places.length === 0) message(make("h2", {}, "Nothing is free for all of that time"), make("p", {}, "Try another time, a shorter stay, or somewhere else."));
}

function factsOf(place) {
  return [place.id, place.range, place.price, place.free, place.title, place.address];
}

function card(place) {
  const { title, address, price, price_per_hour: hourly, capacity, free } = place;
  const left = capacity > 1 ? `${free} left · ` : "";
  const cost = make("div.cost", {}, make("b", {}, formatMoney(price)), make("span.each", {}, `${left}${hourly ? `from ${formatMoney(hourly)} an hour` : ""}`));
  const link = make("a.place", { href: linkTo(place) }, make("h2", {}, title), make("p.where", {}, address ?? ""), make("p.when", {}, whenWords(place)), cost);
  return make("li", {}, link);
}

function message(...children) {
  find("message").hidden = false;
  find("message").replaceChildren(...children);
}

/** What was found before stays to be seen when it only could not be asked for again. */
function failed(refusal, quietly) {
  lost = true;
  find("places").removeAttribute("aria-busy");
  if (quietly && find("places").querySelector("a")) {
    find("found").textContent = "This may be out of date: nobody answers just now.";
    return;
  }
  find("places").replaceChildren();
  find("found").textContent = "";
  if (refusal.code === "invalid_range" || refusal.errors.length > 0) find("problem").textContent = sentence(refusal);
  const button = make("button.secondary", { type: "button", onclick: () => search() }, "Try again");
  message(make("h2", {}, "That did not work"), make("p", {}, sentence(refusal)), button);
}

form.addEventListener("submit", submit);
form.addEventListener("input", span);
addEventListener("popstate", () => {
  fill();
  search();
});
document.addEventListener("visibilitychange", again);
addEventListener("online", () => lost && search());
holdfast.connection.addEventListener("welcome", () => lost && search(true));
fill(true);
search();
