/** A plan's areas (stage, floor, pillars) and row names as the painter wants them. Pure; the words are pretix' own. */

function shapeOf(area) {
  if (area.shape === "circle" && area.circle) return { shape: "ellipse", rx: area.circle.radius, ry: area.circle.radius };
  if (area.shape === "ellipse" && area.ellipse) return { shape: "ellipse", rx: area.ellipse.radius.x, ry: area.ellipse.radius.y };
  if (area.shape === "polygon" && area.polygon) return { shape: "polygon", points: area.polygon.points };
  if (area.shape === "rectangle" && area.rectangle) return { shape: "rectangle", ...area.rectangle };
  return { shape: "none" };
}

/** @returns {object[]} `{shape, x, y, rotation, …, text: {text, x, y, size} | null}` in plan units */
export function areasOf({ areas = [] }) {
  return areas.map((area) => ({
    ...shapeOf(area),
    x: area.position.x,
    y: area.position.y,
    rotation: ((area.rotation ?? 0) * Math.PI) / 180,
    text: area.text?.text ? { text: area.text.text, size: area.text.size ?? 16, ...area.text.position } : null,
  }));
}

/** About the width of a letter, as a share of its height. */
const LETTER = 0.72;

function textCorners({ x, y, text }) {
  if (!text) return [];
  const half = (text.text.length * text.size * LETTER) / 2;
  return [[x + text.x - half, y + text.y - text.size], [x + text.x + half, y + text.y + text.size]];
}

/** @returns {[number, number][]} points that between them span the area, turned as it is turned, and its text */
export function cornersOf(area) {
  return [...shapeCorners(area), ...textCorners(area)];
}

function shapeCorners({ shape, x, y, rotation, width, height, rx, ry, points }) {
  const corners = {
    rectangle: () => [[0, 0], [width, 0], [width, height], [0, height]],
    ellipse: () => [[-rx, -ry], [rx, -ry], [rx, ry], [-rx, ry]],
    polygon: () => points.map((point) => [point.x, point.y]),
    none: () => [],
  }[shape]();
  const [cos, sin] = [Math.cos(rotation), Math.sin(rotation)];
  return corners.map(([dx, dy]) => [x + dx * cos - dy * sin, y + dx * sin + dy * cos]);
}
