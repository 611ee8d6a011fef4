/**
 * The worker of apart.js: bytes of JSON in, null after the last of them, and the document in pieces out. What is no JSON is an error of
 * the worker, and so heard of.
 */

import { here, piecesOf } from "./apart.js";

const chunks = [];

self.onmessage = ({ data }) => {
  if (data !== null) chunks.push(data);
  else for (const piece of piecesOf(here(chunks))) self.postMessage(piece);
};
