/** ULIDs: 48 bits of time and 80 random bits as 26 letters of Crockford's base 32 (github.com/ulid/spec). */

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_LETTERS = 10;
const RANDOM_LETTERS = 16;

function timePart(milliseconds) {
  let rest = milliseconds;
  let letters = "";
  for (let index = 0; index < TIME_LETTERS; index += 1) {
    letters = ALPHABET[rest % 32] + letters;
    rest = Math.floor(rest / 32);
  }
  return letters;
}

/** @param {number} [milliseconds] since the Unix epoch @returns {string} a name for one change, given once */
export function ulid(milliseconds = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_LETTERS));
  return timePart(milliseconds) + Array.from(bytes, (byte) => ALPHABET[byte & 31]).join("");
}
