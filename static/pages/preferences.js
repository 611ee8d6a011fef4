/** How somebody wants to be told: where to, and of what by which way. What is not chosen differently is told as usual. */

import { get } from "../client/http.js";
import { signInAddress, user } from "../client/user.js";
import { sentence } from "../client/wording.js";
import { make } from "../elements/make.js";
import { notify } from "../elements/notices.js";
import { pushSwitch } from "./push-switch.js";
import { find, startPage } from "./shell.js";

const KINDS = {
  booking_created: "New booking, or a request",
  booking_confirmed: "Booking confirmed",
  booking_changed: "Booking changed",
  booking_cancelled: "Booking cancelled",
  booking_disputed: "Payment disputed",
  payment_succeeded: "Payment arrived",
  payment_failed: "Payment failed",
  payment_refunded: "Money given back",
  hold_expired: "Time for what was in the cart is over",
};
const WAYS = { email: "E-mail", sms: "Text message", push: "Push" };
const BATCHES = { 0: "At once", 900: "Every quarter of an hour", 3600: "Every hour", 86400: "Once a day" };

const holdfast = startPage();
let kept = null;

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});
user.addEventListener("change", () => load());

async function load() {
  if (!user.signedIn) {
    const link = make("a.primary", { href: signInAddress("/preferences") }, "Sign in");
    return say(make("h2", {}, "Who are you?"), make("p", {}, "Who is signed in says here how to be told."), link);
  }
  try {
    if (!holdfast.session.csrf) await holdfast.session.open();
    kept = (await get("/api/preferences")).preferences;
    draw();
    await pushSwitch(find("push"), holdfast.session);
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
    if (!kept) say(make("h2", {}, "That did not work"), make("p", {}, sentence(refusal)));
  }
  return undefined;
}

function say(...children) {
  find("form").hidden = true;
  find("message").hidden = false;
  find("message").replaceChildren(...children);
}

function draw() {
  find("message").hidden = true;
  find("form").hidden = false;
  find("email").value = kept.email ?? "";
  find("phone").value = kept.phone ?? "";
  const steps = { ...BATCHES, ...(kept.batch_seconds in BATCHES ? {} : { [kept.batch_seconds]: `Every ${kept.batch_seconds} s` }) };
  find("batch").replaceChildren(...Object.entries(steps).map(([value, name]) => make("option", { value, selected: Number(value) === kept.batch_seconds }, name)));
  find("kinds").replaceChildren(...Object.entries(KINDS).map(([kind, name]) => row(kind, name)));
}

/** A row is as usual until somebody ticks or unticks in it. */
function row(kind, name) {
  const own = kept.channels[kind];
  const usual = make("input", { type: "checkbox", checked: !own, id: `usual-${kind}`, "aria-label": `${name}: as usual` });
  const ways = Object.entries(WAYS).map(([way, words]) => make("input", { type: "checkbox", checked: own?.includes(way) ?? false, disabled: !own, "data-way": way, "aria-label": `${name}: ${words}` }));
  usual.addEventListener("change", () => {
    for (const box of ways) box.disabled = usual.checked;
  });
  return make("tr", { "data-kind": kind }, make("th", { scope: "row" }, name), ...[usual, ...ways].map((box) => make("td", {}, box)));
}

function chosen() {
  const channels = {};
  for (const line of find("kinds").children) {
    if (line.querySelector("input").checked) continue;
    channels[line.dataset.kind] = [...line.querySelectorAll("[data-way]:checked")].map(({ dataset }) => dataset.way);
  }
  return channels;
}

async function save() {
  const form = find("form");
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  find("problem").textContent = "";
  const wanted = { email: find("email").value || null, phone: find("phone").value || null, channels: chosen(), batch_seconds: Number(find("batch").value), quiet: kept.quiet };
  try {
    kept = (await holdfast.session.change("PUT", "/api/preferences", wanted)).preferences;
    draw();
    notify("Kept.", "good");
  } catch (refusal) {
    if (refusal.name !== "Refusal") throw refusal;
    find("problem").textContent = refusal.errors.map(({ field, message }) => `${field} ${message}`).join(" · ") || sentence(refusal);
  } finally {
    form.ariaBusy = "false";
  }
}

load();
