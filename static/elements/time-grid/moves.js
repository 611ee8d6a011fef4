/** Where a key goes from a step. Pure: rows as of `dayBoard` or `weekBoard`. */

const SIDEWAYS = { ArrowLeft: -1, ArrowRight: 1 };
const UPWARDS = { ArrowUp: -1, ArrowDown: 1 };
const DAYS = { PageUp: -1, PageDown: 1 };

/**
 * @param {string} key @param {number} index where it is pressed @param {object[]} rows
 * @param {boolean} week in a week's board time runs down and days stand side by side; in a day's it runs as text does
 * @returns {number | null | "before" | "after"} a step; `before` and `after` lead to other days; null if the key means nothing
 */
export function moveBy(key, index, rows, week) {
  const at = find(rows, index);
  if (!at) return null;
  if (key === "Home" || key === "End") return edge(week ? columnOf(rows, at.column) : stepsOf(rows), key === "End");
  return week ? moveInWeek(key, index, rows, at) : moveInDay(key, index, rows, at);
}

function moveInWeek(key, index, rows, at) {
  if (UPWARDS[key]) return walk(rows, at, UPWARDS[key], 0) ?? index;
  const aside = SIDEWAYS[key] ?? DAYS[key];
  return aside ? (walk(rows, at, 0, aside) ?? beyond(aside)) : null;
}

function moveInDay(key, index, rows, at) {
  if (SIDEWAYS[key]) return along(stepsOf(rows), index, SIDEWAYS[key]);
  if (UPWARDS[key]) return walk(rows, at, UPWARDS[key], 0) ?? beyond(UPWARDS[key]);
  return DAYS[key] ? beyond(DAYS[key]) : null;
}

function beyond(direction) {
  return direction < 0 ? "before" : "after";
}

function stepsOf(rows) {
  return rows.flatMap(({ cells }) => cells).filter(Boolean);
}

function columnOf(rows, column) {
  return rows.map(({ cells }) => cells[column]).filter(Boolean);
}

function edge(steps, last) {
  return steps.at(last ? -1 : 0).index;
}

function along(steps, index, direction) {
  const place = steps.findIndex((step) => step.index === index) + direction;
  return steps[place]?.index ?? beyond(direction);
}

/** @returns {{row: number, column: number} | null} where a step stands */
function find(rows, index) {
  for (let row = 0; row < rows.length; row += 1) {
    const column = rows[row].cells.findIndex((step) => step?.index === index);
    if (column >= 0) return { row, column };
  }
  return null;
}

/** @returns {number | null} the next step in a direction, past what clocks do not show */
function walk(rows, at, down, right) {
  let [row, column] = [at.row + down, at.column + right];
  while (rows[row]?.cells[column] === null) {
    row += down;
    column += right;
  }
  return rows[row]?.cells[column]?.index ?? null;
}
