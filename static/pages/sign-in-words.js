/** What the address of `/sign-in` brings. Pure. */

/** @param {string} fragment `#token=…&next=/path` @returns {{token: string | null, next: string | null}} */
export function brought(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  return { token: fields.get("token") || null, next: fields.get("next") || null };
}

export const STALE = "This link does not sign anybody in, or not any more. Please sign in again where you have your account.";
