import { sheet } from "../sheet.js";

export const styles = sheet`
:host {
  display: grid;
  grid-template: auto minmax(0, 1fr) / minmax(0, 1fr);
  min-height: 0;
  position: relative;
  color: var(--ink);
  background: var(--map-paper);
  font-family: var(--font);
  container-type: size;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.bar {
  display: flex; align-items: center; gap: 0.75rem;
  padding: 0.6rem 0.9rem;
  border-bottom: 1px solid var(--line);
  background: var(--surface);
}
.legend { display: flex; gap: 0.4rem; overflow-x: auto; scrollbar-width: none; flex: 1; padding: 3px; margin: -3px; }
.legend::-webkit-scrollbar { display: none; }
.chip {
  display: inline-flex; align-items: center; gap: 0.5rem; white-space: nowrap;
  font: 500 0.84rem/1 var(--font); color: var(--ink); min-height: 2.1rem;
  padding: 0 0.75rem; border: 1px solid var(--line); border-radius: 999px; background: var(--surface); cursor: pointer;
}
.chip:hover { border-color: var(--ink-soft); }
.chip[aria-pressed="true"] { border-color: var(--ink); box-shadow: inset 0 0 0 1px var(--ink); }
.chip .price { color: var(--ink-soft); font-variant-numeric: tabular-nums; }
.chip .dot { width: 0.72rem; height: 0.72rem; border-radius: 50%; background: var(--dot); flex: none; }
.views { display: inline-flex; border: 1px solid var(--line); border-radius: 0.6rem; padding: 2px; background: var(--paper); flex: none; }
.views button {
  font: 600 0.82rem/1 var(--font); border: 0; background: none; color: var(--ink-soft);
  padding: 0.5rem 0.8rem; border-radius: 0.45rem; cursor: pointer; min-height: 2rem;
}
.views button[aria-pressed="true"] { background: var(--surface); color: var(--ink); box-shadow: 0 1px 2px rgb(0 0 0 / 0.14); }
.stage { position: relative; overflow: hidden; min-height: 0; touch-action: none; user-select: none; cursor: grab; }
.stage.over { cursor: pointer; }
.stage.dragging { cursor: grabbing; }
:host([readonly]) .stage { cursor: default; touch-action: auto; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; transform-origin: 0 0; }
.cursor {
  position: absolute; width: 2rem; height: 2rem; padding: 0; border: 0; background: none; border-radius: 999px;
  opacity: 0; pointer-events: none; transform: translate(-50%, -50%);
}
.cursor:focus-visible { opacity: 1; outline: 3px solid var(--focus); outline-offset: 1px; box-shadow: 0 0 0 6px var(--paper); }
.tools { position: absolute; right: 0.9rem; bottom: 0.9rem; display: grid; gap: 0.4rem; }
.tools button {
  width: 2.6rem; height: 2.6rem; display: grid; place-items: center; cursor: pointer; padding: 0;
  border: 1px solid var(--line); border-radius: 0.7rem; background: var(--surface); color: var(--ink);
  box-shadow: 0 1px 3px rgb(0 0 0 / 0.12);
}
.tools button:hover { border-color: var(--ink-soft); }
.key {
  position: absolute; left: 0.9rem; bottom: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.35rem 0.95rem; max-width: calc(100% - 5rem);
  margin: 0; padding: 0.5rem 0.8rem; list-style: none; pointer-events: none;
  font: 500 0.78rem/1.2 var(--font); color: var(--ink-soft);
  background: color-mix(in srgb, var(--surface) 92%, transparent); border: 1px solid var(--line); border-radius: 0.7rem;
}
.key li { display: inline-flex; align-items: center; gap: 0.4rem; }
.key canvas { position: static; width: 18px; height: 18px; }
.tip {
  position: absolute; z-index: 2; pointer-events: none; left: 0; top: 0; max-width: 17rem;
  padding: 0.55rem 0.75rem; border-radius: 0.65rem; background: var(--tip); color: var(--tip-ink);
  font: 400 0.82rem/1.4 var(--font); box-shadow: 0 6px 20px rgb(0 0 0 / 0.22);
}
.tip b { display: block; font-weight: 650; }
.tip span { opacity: 0.86; }
.veil {
  position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 0.8rem; padding: 2rem;
  text-align: center; color: var(--ink-soft); font: 500 1rem/1.5 var(--font); background: var(--map-paper);
}
.veil .pulse { width: 2.4rem; height: 2.4rem; border-radius: 50%; border: 3px solid var(--line); border-top-color: var(--accent); animation: turn 0.9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
.list { overflow-y: auto; padding: 0.9rem; display: grid; gap: 0.6rem; align-content: start; }
details { border: 1px solid var(--line); border-radius: 0.8rem; background: var(--surface); content-visibility: auto; contain-intrinsic-size: auto 3rem; }
details.row { border-color: var(--line-soft); border-radius: 0.6rem; }
summary { display: flex; gap: 0.75rem; align-items: center; padding: 0.8rem 1rem; cursor: pointer; font: 650 1rem/1.2 var(--font); list-style: none; border-radius: inherit; }
summary::-webkit-details-marker { display: none; }
summary::before { content: ""; width: 0.5rem; height: 0.5rem; border-right: 2px solid; border-bottom: 2px solid; transform: rotate(-45deg); flex: none; }
details[open] > summary::before { transform: rotate(45deg); }
.row > summary { font-size: 0.9rem; font-weight: 600; padding: 0.65rem 0.85rem; }
.left { margin-inline-start: auto; font: 500 0.84rem/1 var(--font); color: var(--ink-soft); font-variant-numeric: tabular-nums; }
.rows { display: grid; gap: 0.4rem; padding: 0 0.7rem 0.7rem; }
.rows:empty, .seats:empty { display: none; }
.seats { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.4rem, 1fr)); gap: 0.4rem; padding: 0 0.7rem 0.7rem; }
.seat {
  display: grid; gap: 0.25rem; justify-items: start; text-align: start; padding: 0.55rem 0.7rem; min-height: 3.2rem; cursor: pointer;
  border: 1px solid var(--ink-soft); border-radius: 0.55rem; background: var(--surface); color: var(--ink); font: 400 0.78rem/1.2 var(--font);
}
.seat .number { font-weight: 700; font-size: 1rem; }
.seat[aria-disabled="true"] { border: 1px dashed var(--line); color: var(--ink-soft); background: var(--paper); cursor: not-allowed; }
.seat[aria-disabled="true"] .number { text-decoration: line-through; font-weight: 500; }
.seat[data-look="mine"] { background: var(--map-mine); color: var(--map-mine-text); border-color: var(--map-mine); }
.seat[data-look="mine"] .number::after { content: " ✓"; }
.seat[data-look="waiting"] { border-style: dashed; border-color: var(--accent); }
button:focus-visible, summary:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.hush { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@container (width < 560px) {
  .bar { padding: 0.5rem 0.6rem; gap: 0.5rem; }
  .key { left: 0.6rem; bottom: 0.6rem; max-width: calc(100% - 4.6rem); gap: 0.25rem 0.7rem; font-size: 0.72rem; padding: 0.4rem 0.6rem; }
  .tools { right: 0.6rem; bottom: 0.6rem; }
  .list { padding: 0.6rem; }
}
@media (prefers-reduced-motion: reduce) {
  .veil .pulse { animation-duration: 4s; }
}
`;
