/**
 * Gives an element just these children, in this order. Those that it has already stay where they are: whoever presses one, or is on
 * it by keyboard, while others come and go, loses nothing.
 * @param {Element} parent @param {Element[]} children
 */
export function settle(parent, children) {
  const staying = new Set(children);
  for (const child of [...parent.children]) if (!staying.has(child)) child.remove();
  for (const [place, child] of children.entries()) if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
}

/**
 * Children drawn of things; what is drawn of the same facts stays the element that it was.
 * @param {Element} parent whose children are of nothing else @param {any[]} things @param {(thing: any) => any} facts all that is drawn of one
 * @param {(thing: any) => HTMLElement} draw
 */
export function settleOf(parent, things, facts, draw) {
  const known = new Map([...parent.children].map((child) => [child.dataset.drawn, child]));
  const drawn = (thing) => {
    const key = JSON.stringify(facts(thing));
    const child = known.get(key) ?? draw(thing);
    known.delete(key);
    child.dataset.drawn = key;
    return child;
  };
  settle(parent, things.map(drawn));
}
