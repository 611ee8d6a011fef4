/** Lists that are drawn again: what is the same stays where it is. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { settle, settleOf } from "../../static/elements/settle.js";

/** An element as far as its children go; `moved` are those that were put somewhere. */
function box() {
  const children = [];
  const moved = [];
  const insertBefore = (child, next) => {
    const before = children.indexOf(child);
    if (before >= 0) children.splice(before, 1);
    children.splice(next ? children.indexOf(next) : children.length, 0, child);
    child.remove = () => children.splice(children.indexOf(child), 1);
    moved.push(child.name);
  };
  return { children, moved, insertBefore };
}

function child(name) {
  return { name, dataset: {} };
}

const names = ({ children }) => children.map(({ name }) => name).join("");

test("what stays is not touched while others come and go around it", () => {
  const parent = box();
  const [a, b, c, d] = ["a", "b", "c", "d"].map(child);
  settle(parent, [a, b, c]);
  parent.moved.length = 0;
  settle(parent, [d, b]);
  assert.equal(names(parent), "db");
  assert.deepEqual(parent.moved, ["d"]);
  settle(parent, [b]);
  assert.equal(names(parent), "b");
  assert.deepEqual(parent.moved, ["d"]);
  settle(parent, [a, c, b]);
  settle(parent, [b, c, a]);
  assert.equal(names(parent), "bca");
});

test("only what is drawn of other facts is drawn anew", () => {
  const parent = box();
  let drawn = [];
  const draw = ({ name }) => {
    drawn.push(name);
    return child(name);
  };
  const show = (...things) => settleOf(parent, things, ({ name, price }) => [name, price], draw);
  show({ name: "a", price: 1 }, { name: "b", price: 2 });
  const [, kept] = parent.children;
  drawn = [];
  show({ name: "a", price: 3 }, { name: "b", price: 2, seen: true });
  assert.deepEqual(drawn, ["a"]);
  assert.equal(parent.children[1], kept);
  show({ name: "b", price: 2 }, { name: "b", price: 2 });
  assert.equal(names(parent), "bb", "the same twice is two");
});
