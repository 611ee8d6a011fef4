/** The golden bytes that the Python tests hold the server to, read by the browser's codecs. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { json, msgpack } from "../../static/client/codec.js";
import { numbers } from "../../static/client/replica.js";

const messages = JSON.parse(await readFile(new URL("../golden/messages.json", import.meta.url), "utf8"));

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function hex(frame) {
  return Buffer.from(frame).toString("hex");
}

/** A snapshot's arrays as lists, whatever the codec brought them as. */
function plain(message) {
  if (message.type !== "snapshot") return message;
  const list = (values) => Array.from(numbers(values, message.width));
  return { ...message, available: list(message.available), held: list(message.held) };
}

for (const { name, from, value, json: text, msgpack: packed } of messages) {
  test(`${name}: both codecs read the same message`, () => {
    assert.deepEqual(plain(msgpack.decode(bytes(packed))), value);
    assert.deepEqual(plain(json.decode(text)), value);
  });
  if (from !== "client") continue;
  test(`${name}: both codecs write it byte for byte`, () => {
    assert.equal(hex(msgpack.encode(value)), packed);
    assert.equal(json.encode(value), text);
  });
}

test("fields that are not given are not sent", () => {
  const message = { type: "subscribe", channel: "availability:hall", position: undefined };
  assert.deepEqual(msgpack.decode(msgpack.encode(message)), { type: "subscribe", channel: "availability:hall" });
  assert.equal(json.encode(message), '{"type":"subscribe","channel":"availability:hall"}');
});
