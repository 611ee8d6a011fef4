/** Keeps what is typed into a form for as long as the tab lives: a reload, or Back from the payment page, loses nothing. */

/** @param {HTMLFormElement} form @param {string} name under which it is kept @param {Storage} [storage] */
export function keepForm(form, name, storage = sessionStorage) {
  restore(form, storage.getItem(name));
  form.addEventListener("input", () => storage.setItem(name, JSON.stringify(valuesOf(form))));
}

/** @returns {Record<string, string>} by the fields' names */
export function valuesOf(form) {
  return Object.fromEntries([...form.elements].filter(({ name }) => name).map(({ name, value }) => [name, value]));
}

function restore(form, kept) {
  if (kept === null) return;
  for (const [name, value] of Object.entries(JSON.parse(kept))) {
    const field = form.elements.namedItem(name);
    if (field && field.value === "") field.value = value;
  }
}
