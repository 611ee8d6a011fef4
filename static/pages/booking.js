/** Who books: the form, and the way to the payment. */

import { change } from "../client/http.js";
import { resource } from "../client/resources.js";
import { ulid } from "../client/ulid.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { complaint, missingIn, requestOf } from "./booking-request.js";
import { CartView } from "./cart-view.js";
import { CurrencyChoice } from "./currency-choice.js";
import { DriverQuestions } from "./driver-questions.js";
import { keepForm, valuesOf } from "./form-keeper.js";
import { pendingBooking } from "./pending-booking.js";
import { find, isSandbox, startPage } from "./shell.js";
import { wayToPay } from "./ways.js";

const FORM = "holdfast.booking-form";
const RUSH = 5;

const holdfast = startPage();
const form = find("form");
let welcomed = false;
let busy = false;
let attempt = { body: null, key: null };
let quoted = "";

const choice = new CurrencyChoice(find("currency"), holdfast.session);
const questions = new DriverQuestions(resource);
new CartView(holdfast, find("cart"), { empty: "Your cart is empty.", onchange: arrange });
holdfast.connection.addEventListener("welcome", () => {
  welcomed = true;
  arrange();
});
keepForm(form, FORM);
form.addEventListener("submit", submit);

/** The form while there is something to book; else what to do instead. */
function arrange() {
  const { held, paying } = holdfast.cart;
  const anything = held.length > 0 || busy;
  find("checkout").hidden = !anything;
  find("message").hidden = anything;
  if (!anything) find("message").replaceChildren(...instead(paying));
  quote(held);
  questions.show(held);
}

/** Another cart has another price, in every currency. */
function quote(held) {
  const now = JSON.stringify(held.map(({ id, items }) => [id, items]));
  if (held.length === 0 || now === quoted || busy) return;
  quoted = now;
  choice.refresh();
}

function instead(paying) {
  if (!welcomed) return [make("p", {}, "Looking for your places…")];
  const browse = make("a.secondary", { href: "/" }, "See what is on");
  if (paying.length === 0) return [make("h2", {}, "Your cart is empty"), make("p", {}, "Choose your places first. They are held for you while you book."), browse];
  const go = make("button.primary", { type: "button", onclick: () => toPending() }, "Continue to payment");
  return [make("h2", {}, "A payment is waiting"), make("p", {}, "Your places stay yours while you pay."), go];
}

async function toPending() {
  const booking = await pendingBooking();
  location.assign(booking ? `/bookings/${encodeURIComponent(booking.id)}` : "/");
}

async function submit(event) {
  event.preventDefault();
  if (busy) return;
  const body = requestOf(questions.answered(valuesOf(form)), choice.currency);
  clear();
  const missing = missingIn(body);
  if (missing.length > 0) complain(missing);
  else await send(body);
}

async function send(body) {
  setBusy(true);
  try {
    const { booking, payment } = await ask(body);
    location.assign(wayToPay(booking, payment, !isSandbox));
  } catch (refusal) {
    await failed(refusal);
  }
}

/** The booking stands although its payment could not be begun: where it is paid, that is tried again. */
async function failed(refusal) {
  const booking = refusal.code === "unavailable" ? await pendingBooking().catch(() => null) : null;
  if (booking) {
    location.assign(wayToPay(booking, null, !isSandbox));
    return;
  }
  setBusy(false);
  explain(refusal);
  if (refusal.code === "conflict") choice.refresh();
}

/** The same form sent again is the same attempt, so that a lost answer does not book twice. */
async function ask(body) {
  const text = JSON.stringify(body);
  if (attempt.body !== text) attempt = { body: text, key: ulid() };
  const { session } = holdfast;
  if (!session.csrf) await session.open();
  return change("POST", "/api/bookings", body, { csrf: session.csrf, key: attempt.key });
}

function explain(refusal) {
  if (refusal.name !== "Refusal") throw refusal;
  if (!["offline", "unavailable"].includes(refusal.code)) attempt = { body: null, key: null };
  if (refusal.errors.length > 0) complain(refusal.errors);
  else problem(refusal.code === "rate_limited" ? `Please wait ${Math.ceil(refusal.retryAfter ?? RUSH)} seconds and try again.` : sentence(refusal));
}

function complain(errors) {
  const fields = errors.map(({ field, message }) => complainAt(field, message)).filter(Boolean);
  if (fields.length > 0) fields[0].focus();
  else problem(errors.map(({ field, message }) => `${field} ${message}`).join(" "));
}

/** @returns {HTMLElement | null} the field that the complaint stands at now */
function complainAt(name, message) {
  const field = form.elements.namedItem(name);
  if (!field) return null;
  const label = form.querySelector(`label[for="${field.id}"]`).firstChild.textContent.trim();
  field.setAttribute("aria-invalid", "true");
  find(`${field.id}-wrong`).textContent = complaint(label, message);
  return field;
}

function clear() {
  problem("");
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const wrong of form.querySelectorAll(".wrong")) wrong.textContent = "";
}

function problem(text) {
  find("problem").textContent = text;
}

function setBusy(now) {
  busy = now;
  find("submit").setAttribute("aria-busy", String(now));
  find("submit").textContent = now ? "One moment…" : "Go to payment";
  arrange();
}

addEventListener("pageshow", (event) => event.persisted && setBusy(false));
