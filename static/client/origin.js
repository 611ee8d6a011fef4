/** Where the server is: where these modules came from, whichever page uses them. */

const here = new URL(import.meta.url);
const page = globalThis.location?.origin;

/** @returns {string} the server's origin */
export const ORIGIN = /^https?:$/.test(here.protocol) ? here.origin : (page ?? "http://localhost");

/** Whether the page is somebody else's, so that no cookie of the server's goes along. */
export const IS_FOREIGN = page !== undefined && page !== ORIGIN;

/** @param {string} path @returns {string} what to ask for it from this page */
export function addressOf(path) {
  return IS_FOREIGN ? ORIGIN + path : path;
}

/** @returns {string} of the socket */
export function socketAddress() {
  return `${ORIGIN.replace(/^http/, "ws")}/ws`;
}
