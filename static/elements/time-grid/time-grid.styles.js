import { sheet } from "../sheet.js";

export const styles = sheet`
:host {
  display: grid;
  grid-template: auto auto minmax(0, 1fr) auto / minmax(0, 1fr);
  min-height: 0;
  position: relative;
  color: var(--ink);
  background: var(--map-paper);
  font-family: var(--font);
  container-type: inline-size;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
p { margin: 0; }
.hush { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
button { font-family: inherit; color: inherit; cursor: pointer; }
button:disabled { opacity: 0.35; cursor: default; }
button:focus-visible, input:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }

.bar { display: flex; align-items: center; gap: 0.4rem; padding: 0.5rem 0.9rem; border-bottom: 1px solid var(--line); background: var(--surface); }
.step { width: 2.6rem; height: 2.6rem; display: grid; place-items: center; padding: 0; border: 1px solid var(--line); border-radius: 0.6rem; background: var(--surface); flex: none; }
.months { font: 650 0.98rem/1.2 var(--font); font-variant-numeric: tabular-nums; min-width: 8.5rem; text-align: center; }
.jump { margin-inline-start: 0.4rem; min-height: 2.6rem; padding: 0 0.6rem; font: 500 0.9rem/1 var(--font); color: var(--ink); background: var(--surface); border: 1px solid var(--ink-soft); border-radius: 0.6rem; min-width: 0; }
.views { display: inline-flex; border: 1px solid var(--line); border-radius: 0.6rem; padding: 2px; background: var(--paper); flex: none; margin-inline-start: auto; }
.views button { font: 600 0.86rem/1 var(--font); border: 0; background: none; color: var(--ink-soft); padding: 0.5rem 0.8rem; border-radius: 0.45rem; min-height: 2.2rem; }
.views button[aria-pressed="true"] { background: var(--surface); color: var(--ink); box-shadow: 0 1px 2px rgb(0 0 0 / 0.14); }

.scroll { overflow-y: auto; min-height: 0; overscroll-behavior: contain; }
.strip { position: sticky; top: 0; z-index: 2; display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); gap: 0.3rem; padding: 0.5rem 0.9rem; background: var(--surface); border-bottom: 1px solid var(--line); }
.strip[data-week] { padding-inline-start: calc(0.9rem + 4rem); }
.date { display: grid; justify-items: center; gap: 0.1rem; padding: 0.4rem 0.1rem; min-height: 3.6rem; border: 1px solid transparent; border-radius: 0.7rem; background: none; font: 500 0.76rem/1.25 var(--font); min-width: 0; }
.date:hover { border-color: var(--line); }
.date b { font-size: 1.1rem; font-weight: 700; font-variant-numeric: tabular-nums; }
.date .weekday { color: var(--ink-soft); }
.date .left { color: var(--accent-strong); font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.date[data-none] .left { color: var(--ink-soft); font-weight: 500; }
.date[aria-pressed="true"] { border-color: var(--ink); box-shadow: inset 0 0 0 1px var(--ink); }

.hint { display: grid; gap: 0.3rem; font-size: 0.88rem; color: var(--ink-soft); }
.hint > span { padding: 0.45rem 0.9rem; background: var(--warn-wash); color: var(--warn); font-weight: 550; }
.shut { padding: 3rem 1rem; text-align: center; font-size: 1rem; }

.board { padding: 0.5rem 0.9rem 1rem; }
.row { display: grid; grid-template-columns: 4rem repeat(var(--columns), minmax(0, 1fr)); position: relative; }
.hour { font: 550 0.82rem/1.2 var(--font); color: var(--ink-soft); font-variant-numeric: tabular-nums; padding-inline-end: 0.5rem; text-align: end; }
.set { display: block; font-size: 0.68rem; color: var(--warn); }

.cell { position: relative; user-select: none; -webkit-user-select: none; cursor: pointer; color: var(--ink); background: var(--surface); overflow: hidden; min-width: 0; font-variant-numeric: tabular-nums; }
.cell:focus { outline: none; }
.cell:focus-visible { outline: 3px solid var(--focus); outline-offset: -1px; z-index: 1; }
.cell[aria-disabled="true"] { cursor: default; }
.gap { background: repeating-linear-gradient(0deg, transparent 0 3px, var(--line) 3px 4px); opacity: 0.6; }

.day .row { gap: 0.35rem; padding-block: 0.18rem; }
.day .hour { align-self: center; }
.day .cell { display: grid; align-content: center; justify-items: center; min-height: 2.9rem; border: 1px solid var(--ink-soft); border-radius: 0.5rem; padding: 0.15rem 0.1rem; container-type: inline-size; }
.day .cell > * { justify-self: center; max-width: 100%; }
.day .gap { border-radius: 0.5rem; }
.day .time { font: 650 0.88rem/1.2 var(--font); }
.day .mark { font: 500 0.72rem/1.25 var(--font); white-space: nowrap; color: var(--accent-strong); }
@container (width < 2.7rem) {
  .day :is(.hh, .mark) { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .day .cell .time { font-size: 0.74rem; font-weight: 550; padding: 0; }
}

.week .cell { height: var(--height); border-inline: 1px solid var(--line); border-top: 1px solid var(--line-soft); margin-inline: 1px; }
.week .row[data-whole] .cell { border-top-color: var(--ink-soft); }
.week .hour { position: relative; }
.week .set { display: inline; }
.week .hour > :not(.hush) { position: absolute; right: 0.5rem; top: -0.5em; white-space: nowrap; }
.week .row:nth-child(2) .hour > :not(.hush) { top: 0; }
.week .time, .week .cell:not([data-first]) .mark { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.week .mark { display: block; font: 600 0.68rem/1 var(--font); padding: 0.12rem 0.3rem; white-space: nowrap; }
.week .cell[data-look="free"] .mark { color: var(--accent-strong); }

.cell[data-look="mine"] { background: var(--map-mine); color: var(--map-mine-text); border-color: var(--map-mine); }
.cell[data-look="mine"] .mark { color: inherit; }
.cell[data-look="mine"] .mark::before { content: "✓ "; }
.cell[data-look="waiting"] { border: 1px dashed var(--accent); }
.cell[data-look="held"], .sign[data-look="held"] { background: repeating-linear-gradient(90deg, var(--surface) 0 5px, var(--line) 5px 8px); border-color: var(--map-held); }
.cell[data-look="taken"], .sign[data-look="taken"] { background: var(--line); border-color: var(--line); }
.cell[data-look="kept"] { background: var(--line-soft); border: 1px dotted var(--ink-soft); }
.cell:is([data-look="held"], [data-look="taken"], [data-look="kept"], [data-look="soon"], [data-look="unknown"]) :is(.time, .mark) { color: var(--ink-soft); }
.cell[data-look="held"] :is(.time, .mark) { background: var(--surface); border-radius: 0.2rem; padding-inline: 0.2rem; }
.cell[data-look="soon"] { border-style: dashed; }
.cell:is([data-look="closed"], [data-look="past"]), .sign:is([data-look="closed"], [data-look="past"]) { background: transparent; border-color: transparent; }
.cell:is([data-look="closed"], [data-look="past"]) :is(.time, .mark) { color: var(--ink-soft); }
.cell[data-look="past"] .time { text-decoration: line-through; }
.week .cell[data-look="past"] { background: linear-gradient(to bottom right, transparent 47%, var(--line) 47% 53%, transparent 53%) 0 0 / 12px 12px; }
.week .row .cell:is([data-look="taken"], [data-look="mine"], [data-look="held"]):not([data-first]) { border-top-color: transparent; }
.row .cell[data-selected] { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
.row .cell[data-selected] :is(.time, .mark) { color: inherit; }
.day .cell[data-selected]:hover, .cell[data-look="free"]:hover { box-shadow: inset 0 0 0 2px var(--accent-strong); }
:host([wall]) .bar { display: none; }
:host([wall]) .strip { pointer-events: none; }
:host([readonly]) .row .cell { cursor: default; box-shadow: none; }

.key { display: flex; flex-wrap: wrap; gap: 0.3rem 0.95rem; margin: 0; padding: 0.5rem 0.9rem; list-style: none; border-top: 1px solid var(--line); background: var(--surface); font: 500 0.78rem/1.2 var(--font); color: var(--ink-soft); }
.key li { display: inline-flex; align-items: center; gap: 0.4rem; }
.sign { width: 1.1rem; height: 1.1rem; border: 1px solid var(--ink-soft); border-radius: 0.3rem; background: var(--surface); display: grid; place-items: center; font-size: 0.7rem; }
.sign[data-look="mine"] { background: var(--map-mine); color: var(--map-mine-text); border-color: var(--map-mine); }
.sign[data-look="mine"]::before { content: "✓"; }
.sign[data-look="closed"]::before { content: "–"; }
.sign[data-look="past"] { background: linear-gradient(to bottom right, transparent 47%, var(--ink-soft) 47% 53%, transparent 53%); }

.veil { position: absolute; inset: 0; z-index: 3; display: grid; place-content: center; justify-items: center; gap: 0.8rem; padding: 2rem; text-align: center; color: var(--ink-soft); font: 500 1rem/1.5 var(--font); background: var(--map-paper); }
.veil .pulse { width: 2.4rem; height: 2.4rem; border-radius: 50%; border: 3px solid var(--line); border-top-color: var(--accent); animation: turn 0.9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@container (width < 560px) {
  .bar { padding: 0.4rem 0.5rem; gap: 0.3rem; }
  .months { min-width: 0; flex: 1; font-size: 0.8rem; }
  .views button { padding-inline: 0.6rem; }
  .jump { width: 2.7rem; padding: 0 0.3rem; color: transparent; }
  .strip { padding: 0.35rem 0.4rem; gap: 0.1rem; }
  .strip[data-week] { padding-inline-start: calc(0.4rem + 2.9rem); }
  .date { font-size: 0.68rem; min-height: 3.3rem; }
  .board { padding-inline: 0.4rem; }
  .row { grid-template-columns: 2.9rem repeat(var(--columns), minmax(0, 1fr)); }
  .hour { font-size: 0.72rem; padding-inline-end: 0.3rem; }
  .week .set { display: block; }
  .key { padding: 0.35rem 0.6rem; gap: 0.2rem 0.5rem; font-size: 0.7rem; }
  .week .mark { font-size: 0.6rem; padding-inline: 0.1rem; }
}
@media (prefers-reduced-motion: reduce) {
  .veil .pulse { animation-duration: 4s; }
}
`;
