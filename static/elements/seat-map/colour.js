/** Colours of owners made legible. Pure; contrast as WCAG 2.2 defines it. */

const FALLBACKS = ["#3b6fd4", "#a3489b", "#2e8555", "#b8621b", "#7a5cc9", "#b23a48", "#37808a", "#7d7222"];

/** @returns {[number, number, number] | null} of `#rgb` or `#rrggbb`; null for anything else */
export function parse(colour) {
  const short = /^#([\da-f])([\da-f])([\da-f])$/i.exec(colour ?? "");
  if (short) return short.slice(1).map((digit) => Number.parseInt(digit + digit, 16));
  const long = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(colour ?? "");
  return long ? long.slice(1).map((digits) => Number.parseInt(digits, 16)) : null;
}

export function format(rgb) {
  return `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}

function luminance(rgb) {
  const [red, green, blue] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @returns {number} from 1 to 21 */
export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((first, second) => first - second);
  return (high + 0.05) / (low + 0.05);
}

function mix(rgb, towards, share) {
  return rgb.map((part, place) => part + (towards[place] - part) * share);
}

/** @returns {string} the colour, moved away from the background until it stands out from it by `ratio` */
export function legible(colour, background, ratio, number = 0) {
  const rgb = parse(colour) ?? parse(FALLBACKS[number % FALLBACKS.length]);
  const ground = parse(background) ?? [255, 255, 255];
  const towards = luminance(ground) > 0.4 ? [0, 0, 0] : [255, 255, 255];
  for (let share = 0; share <= 1; share += 0.05) {
    const moved = mix(rgb, towards, share);
    if (contrast(moved, ground) >= ratio) return format(moved);
  }
  return format(towards);
}

/** @returns {"#ffffff" | "#000000"} whichever can be read on the colour */
export function inkOn(colour) {
  const rgb = parse(colour) ?? [0, 0, 0];
  return contrast(rgb, [255, 255, 255]) >= 4.5 ? "#ffffff" : "#000000";
}
