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

/** @returns {[number, number][]} points that between them span the area, turned as it is turned */
export function cornersOf({ shape, x, y, rotation, width, height, rx, ry, points }) {
  const corners = {
    rectangle: () => [[0, 0], [width, 0], [width, height], [0, height]],
    ellipse: () => [[-rx, -ry], [rx, -ry], [rx, ry], [-rx, ry]],
    polygon: () => points.map((point) => [point.x, point.y]),
    none: () => [[0, 0]],
  }[shape]();
  const [cos, sin] = [Math.cos(rotation), Math.sin(rotation)];
  return corners.map(([dx, dy]) => [x + dx * cos - dy * sin, y + dx * sin + dy * cos]);
}
