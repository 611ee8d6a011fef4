import { sheet } from "../elements/sheet.js";

export const styles = sheet`
:host {
  display: grid; grid-template-rows: auto minmax(0, 1fr) auto; height: 40rem; max-width: 100%; overflow: hidden;
  font: 400 1rem/1.55 var(--font, system-ui, sans-serif); color: var(--ink); background: var(--surface);
  border: 1px solid var(--line, #dcd8cf); border-radius: 1rem; text-align: start;
}
:host([scheme="light"]) { color-scheme: light; }
:host([scheme="dark"]) { color-scheme: dark; }
:host([hidden]) { display: none; }
.head, .foot { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 1rem; padding: 0.7rem 1rem; }
.head { border-bottom: 1px solid var(--line); }
.head connection-state { margin-inline-start: auto; }
.foot { border-top: 1px solid var(--line); }
.foot .chosen { flex: 1; min-width: 12rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.body { display: grid; grid-template: minmax(0, 1fr) / minmax(0, 1fr); min-height: 0; background: var(--map-paper); }
slot-list { overflow-y: auto; padding: 1rem; }
`;
