/** What the address of `/sign-in` brings, and whether somebody is asked before it counts. Pure. */

/** @param {string} fragment `#token=…&next=/path` @returns {{token: string | null, next: string | null}} */
export function brought(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  return { token: fields.get("token") || null, next: fields.get("next") || null };
}

const BEGUN_FOR = 15 * 60_000;

/** @returns {boolean} whether somebody came by a link of this site; pages elsewhere are never named to it */
export function isFromHere(referrer, origin) {
  return URL.canParse(referrer) && new URL(referrer).origin === origin;
}

/**
 * A link may be anybody's, and who follows it would book under the eyes of whoever it is: it signs in unasked only who began to sign in
 * here, in this tab, and who is that somebody already. (What no token is signs nobody in anyway.)
 * @param {{sub: string} | null} claims of the link's token
 * @param {{id: string | null, fromHere: boolean, begunAt: number, now: number}} facts `id` of who is signed in; `begunAt` in ms, 0 for never
 * @returns {"enter" | "ask" | "become"}
 */
export function stepFor(claims, { id, fromHere, begunAt, now }) {
  if (claims === null || id === claims.sub) return "enter";
  if (id !== null) return "become";
  return fromHere || (begunAt <= now && now - begunAt < BEGUN_FOR) ? "enter" : "ask";
}

export const STALE = "This link does not sign anybody in, or not any more. Please sign in again where you have your account.";
