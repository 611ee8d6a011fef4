/** HTTP as this API speaks it: JSON in and out, problems as `Refusal`, changes with CSRF token and Idempotency-Key. */

import { Refusal } from "./refusal.js";
import { ulid } from "./ulid.js";

const TIMEOUT = 15_000;

async function problemOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

async function send(path, options, clock) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT), ...options });
  } catch {
    throw Refusal.offline();
  }
  if (clock && response.headers.has("Date")) clock.observe(new Date(response.headers.get("Date")).getTime());
  if (!response.ok) throw Refusal.ofProblem(await problemOf(response), response.status);
  return response.status === 204 ? null : response.json();
}

/** @returns {Promise<any>} the decoded answer @throws {Refusal} */
export function get(path) {
  return send(path, { headers: { Accept: "application/json" } });
}

/**
 * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method
 * @param {{csrf?: string, key?: string, clock?: ServerClock}} [marks] the session's CSRF token, the key under which this may be
 *   repeated (empty where every answer is to be of its moment), and a clock to set by the answer where no socket sets it
 * @returns {Promise<any>} the decoded answer, null for 204 @throws {Refusal}
 */
export function change(method, path, body, { csrf, key = ulid(), clock } = {}) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers["Idempotency-Key"] = key;
  if (csrf) headers["X-CSRF-Token"] = csrf;
  return send(path, { method, headers, body: JSON.stringify(body ?? {}) }, clock);
}
