/** Secrets that arrive in an address are taken out of it before anything else looks at it. Pure but for `takeFragment`. */

const RETURNED = ["payment_intent", "payment_intent_client_secret", "redirect_status", "source_type", "session_id"];

/** @param {string} address @returns {{address: string, returned: boolean}} without what a provider's page has added */
export function withoutReturn(address) {
  const url = new URL(address);
  const returned = RETURNED.some((name) => url.searchParams.has(name));
  for (const name of RETURNED) url.searchParams.delete(name);
  return { address: url.pathname + url.search + url.hash, returned };
}

/** Cleans this page's address. @returns {boolean} whether a provider's page has led here */
export function comeBack() {
  const { address, returned } = withoutReturn(location.href);
  if (returned) history.replaceState(history.state, "", address);
  return returned;
}

/**
 * The secret of a link, moved from the address into the tab's own memory: neither scripts of others nor who looks over one's
 * shoulder find it there, and it is still at hand after a reload or a bank's page.
 * @param {string} name under which it is kept @param {Storage} [storage] @returns {string} empty when the link had none
 */
export function takeFragment(name, storage = sessionStorage) {
  const given = location.hash.slice(1);
  if (given) {
    storage.setItem(name, given);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return given || (storage.getItem(name) ?? "");
}
