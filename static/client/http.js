/**
 * HTTP as this API speaks it: JSON in and out, problems as `Refusal`, changes with CSRF token and Idempotency-Key, and whoever is
 * signed in.
 */

import { addressOf } from "./origin.js";
import { Refusal } from "./refusal.js";
import { ulid } from "./ulid.js";
import { user } from "./user.js";

const TIMEOUT = 15_000;

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

async function reach(path, options, { clock, read = (response) => response.json() } = {}) {
  let response;
  try {
    response = await fetch(addressOf(path), { credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT), ...options });
  } catch {
    throw Refusal.offline();
  }
  if (clock && response.headers.has("Date")) clock.observe(new Date(response.headers.get("Date")).getTime());
  if (!response.ok) throw Refusal.ofProblem(await problemOf(response), response.status);
  try {
    return response.status === 204 ? null : await read(response);
  } catch {
    throw Refusal.offline(); // the line broke within the answer, or something on the way answered in the server's place
  }
}

/**
 * As who is signed in; once more with a newer token where the server wants one. Without one, what everybody may read is read as nobody; a
 * change is never repeated as somebody else.
 */
async function send(path, options, { anonymous = false, ...reading } = {}) {
  const { token, headers } = anonymous ? { token: null, headers: {} } : user;
  try {
    return await reach(path, { ...options, headers: { ...options.headers, ...headers } }, reading);
  } catch (refusal) {
    if (!token || !isOfTokens(refusal)) throw refusal;
    if (await user.renew(token)) return reach(path, { ...options, headers: { ...options.headers, ...user.headers } }, reading);
    if (refusal.code === "token_expired") user.signOut();
    if (options.method) throw refusal;
    return reach(path, options, reading);
  }
}

/** @returns {boolean} whether the server wants another token */
export function isOfTokens({ code }) {
  return code === "unauthorized" || code === "token_expired";
}

/**
 * @param {{read?: (response: Response) => Promise<any>}} [reading] how the answer is decoded where it may be large
 * @returns {Promise<any>} the decoded answer @throws {Refusal}
 */
export function get(path, reading) {
  return send(path, { headers: { Accept: "application/json" } }, reading);
}

/**
 * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method
 * @param {{csrf?: string, key?: string, clock?: ServerClock, anonymous?: boolean, token?: string}} [marks] the session's CSRF token, the
 *   key under which this may be repeated (empty where every answer is to be of its moment), a clock to set by the answer where no socket
 *   sets it, whether it is asked as nobody, and the session's token where no cookie says whose it is
 * @returns {Promise<any>} the decoded answer, null for 204 @throws {Refusal}
 */
export function change(method, path, body, { csrf, key = ulid(), clock, anonymous, token } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers["Idempotency-Key"] = key;
  if (csrf) headers["X-CSRF-Token"] = csrf;
  if (token) headers.Authorization = `Bearer ${token}`;
  return send(path, { method, headers, body: JSON.stringify(body ?? {}) }, { clock, anonymous });
}
