/** Two codecs with one face: `encode(message)` makes a frame, `decode(frame)` makes the message. */

import { decode as unpack } from "../vendor/msgpack/decode.mjs";
import { encode as pack } from "../vendor/msgpack/encode.mjs";
import { SUBPROTOCOLS } from "./protocol.js";

const PACKING = { ignoreUndefined: true };

export const msgpack = Object.freeze({
  subprotocol: SUBPROTOCOLS.msgpack,
  encode: (message) => pack(message, PACKING),
  decode: (frame) => unpack(frame),
});

export const json = Object.freeze({
  subprotocol: SUBPROTOCOLS.json,
  encode: (message) => JSON.stringify(message),
  decode: (frame) => JSON.parse(frame),
});
