/** What lies under the seats: areas such as the stage, the floor that rows make, the names of rows and sections. */

const ROW_NAMES = 11;
const SECTION_NAMES = 24;
const LEGIBLE = 7;
/** Pixels between which a row counts as straight. */
const BEND = 24;
/** A line of no length has no round ends everywhere; of this length it has. */
const DOT = 0.01;
/** So many rows are painted before something else may come between. */
const ROWS_AT_ONCE = 150;

/** Paints the ground for the view; yields on the way. */
export function* paintGround(context, plan, view, ink) {
  for (const area of plan.areas) paintArea(context, area, view, ink);
  yield* paintFloor(context, plan, view, ink);
  for (const area of plan.areas) if (area.text) paintAreaText(context, area, view, ink);
  if (view.seat >= ROW_NAMES) paintRowNames(context, plan, view, ink);
  if (view.seat <= SECTION_NAMES && plan.sections.length > 1) {
    for (const section of plan.sections) paintSectionName(context, section, view, ink);
  }
  yield;
}

/** A broad band along each run of seats; bands of neighbouring rows flow into one floor with one edge. */
function* paintFloor(context, plan, view, ink) {
  context.lineCap = "round";
  context.lineJoin = "round";
  const rows = plan.rows.filter(({ frame }) => view.sees(frame, view.seat * 2));
  for (const [colour, wider] of [[ink.edge, 1], [ink.floor, 0]]) {
    context.strokeStyle = colour;
    context.lineWidth = view.seat * 1.6 + wider * 2;
    for (let place = 0; place < rows.length; place += 1) {
      if (place % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) yield;
      for (const run of rows[place].runs) strokeRun(context, plan, run, view);
    }
  }
}

/** Strokes through a run's seats; from afar through some of them, for no bend can be seen between. */
function strokeRun(context, plan, run, view) {
  const first = view.toScreen(plan.xs[run[0]], plan.ys[run[0]]);
  const step = Math.max(1, Math.round(BEND / view.seat));
  context.beginPath();
  context.moveTo(first.x, first.y);
  for (let place = step; place < run.length - 1; place += step) lineTo(context, plan, run[place], view);
  lineTo(context, plan, run.at(-1), view, run.length === 1 ? DOT : 0);
  context.stroke();
}

function lineTo(context, plan, seat, view, aside = 0) {
  const { x, y } = view.toScreen(plan.xs[seat], plan.ys[seat]);
  context.lineTo(x + aside, y);
}

function write(context, text, x, y, size, weight, { font }) {
  context.font = `${weight} ${size}px ${font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

function paintRowNames(context, plan, view, ink) {
  context.fillStyle = ink.faint;
  const size = Math.min(13, Math.max(9, view.seat * 0.45));
  for (const { text, x, y } of plan.rowLabels) {
    if (!view.sees({ left: x, top: y, right: x, bottom: y }, size * 2)) continue;
    const place = view.toScreen(x, y);
    write(context, text, place.x, place.y, size, 600, ink);
  }
}

function paintSectionName(context, section, view, ink) {
  if (!section.name || !section.namePlace) return;
  const { x, y } = view.toScreen(...section.namePlace);
  const size = Math.min(14, Math.max(11, view.seat * 0.8));
  const middle = y - view.seat * 0.95 - size;
  context.font = `650 ${size}px ${ink.font}`;
  const width = context.measureText(section.name).width + size * 1.5;
  context.beginPath();
  context.roundRect(x - width / 2, middle - size * 0.85, width, size * 1.7, size);
  context.fillStyle = ink.paper;
  context.fill();
  context.strokeStyle = ink.edge;
  context.lineWidth = 1;
  context.stroke();
  context.fillStyle = ink.text;
  write(context, section.name, x, middle + 0.5, size, 650, ink);
}

function paintArea(context, area, view, ink) {
  if (area.shape === "none") return;
  context.save();
  const { x, y } = view.toScreen(area.x, area.y);
  context.translate(x, y);
  context.rotate(area.rotation);
  context.scale(view.scale, view.scale);
  traceArea(context, area);
  context.fillStyle = area.text ? ink.stage : ink.area;
  context.fill();
  context.restore();
}

function traceArea(context, area) {
  context.beginPath();
  if (area.shape === "polygon") area.points.forEach(({ x, y }, place) => context[place ? "lineTo" : "moveTo"](x, y));
  else if (area.shape === "ellipse") context.ellipse(0, 0, area.rx, area.ry, 0, 0, Math.PI * 2);
  else context.roundRect(0, 0, area.width, area.height, Math.min(area.width, area.height) * 0.08);
  context.closePath();
}

function paintAreaText(context, { x, y, text, shape }, view, ink) {
  const place = view.toScreen(x + text.x, y + text.y);
  const size = Math.min(24, Math.max(9, view.scale * text.size));
  if (shape === "none" && view.scale * text.size < LEGIBLE) return;
  context.letterSpacing = `${size * 0.12}px`;
  context.fillStyle = shape === "none" ? ink.faint : ink.stageText;
  write(context, text.text, place.x, place.y, size, 650, ink);
  context.letterSpacing = "0px";
}
