/** `/transfers#…`: a booking that somebody wants to hand on. The fragment never reaches a server and leaves the address at once. */

import { get } from "../client/http.js";
import { signInAddress, user } from "../client/user.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { find, startPage, tell } from "./shell.js";

const KEY = "holdfast.transfer";

const holdfast = startPage();
const secret = brought();

/** Kept for this tab while its owner signs in. */
function brought() {
  const given = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  try {
    if (given) sessionStorage.setItem(KEY, given);
    return given || sessionStorage.getItem(KEY);
  } catch {
    return given; // a browser that keeps nothing
  }
}

function say(title, ...children) {
  document.title = `${title} · Holdfast`;
  find("offer").replaceChildren(make("h1", { tabIndex: -1 }, title), ...children);
}

async function load() {
  if (!secret) return say("There is nothing here", make("p", {}, "Open the link that you were sent once more."));
  try {
    const { transfer, booking } = await get(`/api/transfers/${encodeURIComponent(secret)}`);
    show(transfer, booking);
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
    say(refusal.code === "not_found" ? "There is no such offer" : "That did not work", make("p", {}, sentence(refusal)));
  }
  return undefined;
}

function show({ status, expires_at: until }, { items }) {
  const places = items.map(({ label, quantity }) => (quantity > 1 ? `${quantity} × ${label}` : label)).join(", ");
  if (status !== "offered") return say("This offer is over", make("p", {}, `${places}: it was ${status}.`));
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(until));
  const words = make("p", {}, `${places}. Yours if you accept it before ${when}.`);
  if (!user.signedIn) return say("Somebody hands you a booking", words, make("a.primary", { href: signInAddress("/transfers") }, "Sign in to accept"));
  const name = make("input", { id: "name", autocomplete: "name", value: user.name, required: true });
  const email = make("input", { id: "email", type: "email", autocomplete: "email", required: true });
  const field = (label, input) => make("div.field", {}, make("label", { for: input.id }, label), input);
  const form = make("form.hours", {}, field("Name", name), field("E-mail", email), make("button.primary", { type: "submit" }, "Accept it"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    accept(form, { name: name.value, email: email.value });
  });
  return say("Somebody hands you a booking", words, form);
}

async function accept(form, customer) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  try {
    const { booking } = await holdfast.session.change("POST", `/api/transfers/${encodeURIComponent(secret)}/accept`, { customer });
    location.assign(`/bookings/${encodeURIComponent(booking.id)}`);
  } catch (refusal) {
    tell(refusal);
    await load();
  } finally {
    form.ariaBusy = "false";
  }
}

user.addEventListener("change", () => load());
load();
