/**
 * The sandbox provider's own page. It stands for a bank's, so it knows nothing of carts: a payment, its outcomes, the way back.
 * Who pays another's share has no session here but brings the share and its secret.
 */

import { change, get } from "../client/http.js";
import { formatMoney } from "../client/money.js";
import { Session } from "../client/session.js";
import { sentence } from "../client/wording.js";
import { takeFragment } from "./addresses.js";
import { find, idOfPage } from "./shell.js";

const LATE_SECONDS = 20;
const id = idOfPage();
const payer = new URLSearchParams(takeFragment(`holdfast.sandbox:${id}`));
const secret = payer.get("secret");
const session = new Session();
let payment = null;

const ACTS = {
  pay: () => report({ outcome: "succeed" }),
  decline: () => report({ outcome: "decline" }),
  late: () => report({ outcome: "succeed", delay_seconds: LATE_SECONDS }),
  twice: () => report({ outcome: "succeed", twice: true }),
  away: () => Promise.resolve(),
};

function report(outcome) {
  const path = `/api/sandbox/payments/${encodeURIComponent(id)}`;
  return secret ? change("POST", path, { ...outcome, secret }) : session.change("POST", path, outcome);
}

async function read() {
  if (secret) return change("POST", `/api/payments/${encodeURIComponent(payer.get("share"))}/open`, { secret });
  await session.open();
  return get(`/api/payments/${encodeURIComponent(id)}`);
}

function wayBack() {
  return secret ? `/pay/${encodeURIComponent(payer.get("share"))}#${secret}` : `/bookings/${encodeURIComponent(payment.booking)}`;
}

async function act(name) {
  setBusy(true);
  find("problem").textContent = "";
  try {
    await ACTS[name]();
    find("status").textContent = "Taking you back…";
    location.assign(wayBack());
  } catch (refusal) {
    setBusy(false);
    find("problem").textContent = sentence(refusal);
  }
}

function setBusy(busy) {
  for (const button of find("choices").querySelectorAll("button")) button.disabled = busy;
}

async function load() {
  try {
    ({ payment } = await read());
    find("amount").textContent = formatMoney(payment.amount);
    find("what").textContent = payment.attempt > 1 ? `Attempt ${payment.attempt}` : "";
    find("choices").hidden = false;
  } catch (refusal) {
    find("amount").textContent = "";
    find("problem").textContent = refusal.code === "not_found" ? "There is no such payment." : sentence(refusal);
  }
}

for (const button of find("choices").querySelectorAll("button")) button.addEventListener("click", () => act(button.dataset.do));
addEventListener("pageshow", (event) => event.persisted && setBusy(false));
load();
