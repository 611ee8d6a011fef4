/** The frame in which cards are typed. It hears the page by messages, makes the calls, and tells how they ended. */

const NAMES = { card: "Card", us_bank_account: "US bank account", sepa_debit: "SEPA debit", bacs_debit: "Bacs debit", au_becs_debit: "BECS debit", acss_debit: "Pre-authorised debit", ideal: "iDEAL", klarna: "Klarna" };
const form = document.getElementById("form");
const { number, expiry, cvc } = form.elements;
let begun = null;
let way = "card";

const DO = {
  begin,
  look: ({ appearance }) => wear(appearance),
  focus: () => number.focus(),
  submit: ({ id }) => answer(id, submit()),
  confirm: async ({ id, returnUrl }) => answer(id, await confirm(returnUrl)),
};

addEventListener("message", ({ source, data, origin }) => {
  if (source !== parent) return;
  DO[data.what]?.({ ...data, origin });
});

const tell = (message) => parent.postMessage({ height: document.documentElement.offsetHeight + 4, ...message }, begun?.origin ?? "*");
const answer = (id, result) => tell({ answers: id, result });

async function begin({ key, clientSecret, appearance, origin }) {
  begun = { key, secret: clientSecret, id: clientSecret.split("_secret_")[0], origin };
  wear(appearance);
  const query = new URLSearchParams({ key, client_secret: clientSecret });
  try {
    const body = await (await fetch(`/v1/payment_intents/${begun.id}?${query}`)).json();
    if (body.error) throw Object.assign(new Error(), body.error);
    offer(body.payment_method_types.filter((name) => NAMES[name]));
    tell({ event: "ready" });
  } catch ({ type = "api_connection_error", message }) {
    tell({ event: "loaderror", details: { type, message } });
  }
}

function wear(appearance = {}) {
  for (const [name, value] of Object.entries(appearance.variables ?? {})) document.documentElement.style.setProperty(`--${name}`, value);
}

function offer(ways) {
  way = ways[0];
  const tabs = ways.map((name) => {
    const tab = Object.assign(document.createElement("button"), { type: "button", role: "tab", textContent: NAMES[name], value: name });
    tab.addEventListener("click", () => choose(name));
    return tab;
  });
  document.getElementById("tabs").replaceChildren(...(ways.length > 1 ? tabs : []));
  choose(way);
}

function choose(name) {
  way = name;
  for (const tab of document.querySelectorAll("#tabs button")) tab.ariaSelected = String(tab.value === name);
  document.getElementById("card").hidden = name !== "card";
  const other = document.getElementById("other");
  other.hidden = name === "card";
  other.textContent = `${NAMES[name]}: nothing has to be entered here, this is a test.`;
  changed();
}

function changed() {
  const empty = way === "card" && !number.value && !expiry.value && !cvc.value;
  const value = { type: way };
  tell({ event: "change", details: { complete: faults().length === 0, empty, collapsed: false, value } });
}

/** What is wrong with the card, in the order of the fields. */
function faults() {
  if (way !== "card") return [];
  const [month = "", year = ""] = expiry.value.split(" / ");
  const digits = number.value.replaceAll(" ", "");
  const found = [];
  const say = (field, code, message) => found.push({ field, code, message });
  if (digits.length < 15) say("number", "incomplete_number", "Your card number is incomplete.");
  else if (!passesLuhn(digits)) say("number", "invalid_number", "Your card number is invalid.");
  if (month.length < 2 || year.length < 2) say("expiry", "incomplete_expiry", "Your card's expiration date is incomplete.");
  else if (isPast(month, year)) say("expiry", "invalid_expiry_year_past", "Your card's expiration year is in the past.");
  if (cvc.value.length < 3) say("cvc", "incomplete_cvc", "Your card's security code is incomplete.");
  return found;
}

function passesLuhn(digits) {
  const sum = [...digits].reverse().reduce((all, digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    return all + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

function isPast(month, year) {
  return new Date(2000 + Number(year), Number(month)) <= new Date();
}

function submit() {
  const found = faults();
  for (const field of [number, expiry, cvc]) mark(field, found.find((fault) => fault.field === field.name));
  if (found.length === 0) return { selectedPaymentMethod: way };
  form.elements[found[0].field].focus();
  const [{ code, message }] = found;
  return { error: { type: "validation_error", code, message } };
}

function mark(field, fault) {
  field.setAttribute("aria-invalid", String(Boolean(fault)));
  document.getElementById(`${field.name}-error`).textContent = fault?.message ?? "";
}

async function confirm(returnUrl) {
  const body = new URLSearchParams({ key: begun.key, client_secret: begun.secret, "payment_method_data[type]": way });
  if (returnUrl) body.set("return_url", returnUrl);
  if (way === "card") addCard(body);
  try {
    const answered = await fetch(`/v1/payment_intents/${begun.id}/confirm`, { method: "POST", body });
    const said = await answered.json();
    return said.error ? { error: said.error } : { paymentIntent: said };
  } catch {
    return { error: { type: "api_connection_error", message: "An error occurred while contacting the API." } };
  }
}

function addCard(body) {
  const [month, year] = expiry.value.split(" / ");
  const card = { number: number.value.replaceAll(" ", ""), exp_month: month, exp_year: year, cvc: cvc.value };
  for (const [name, value] of Object.entries(card)) body.set(`payment_method_data[card][${name}]`, value);
}

number.addEventListener("input", () => {
  const digits = number.value.replace(/\D/g, "").slice(0, 16);
  number.value = digits.replace(/(\d{4})(?=\d)/g, "$1 ");
});
expiry.addEventListener("input", () => {
  const digits = expiry.value.replace(/\D/g, "").slice(0, 4);
  expiry.value = digits.length > 2 ? `${digits.slice(0, 2)} / ${digits.slice(2)}` : digits;
});
cvc.addEventListener("input", () => {
  cvc.value = cvc.value.replace(/\D/g, "").slice(0, 4);
});
form.addEventListener("input", ({ target }) => {
  mark(target, null);
  changed();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("focusin", () => tell({ event: "focus" }));
form.addEventListener("focusout", () => tell({ event: "blur" }));
new ResizeObserver(() => tell({})).observe(document.documentElement);
tell({ event: "loaded" });
