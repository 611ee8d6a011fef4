import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

for (const folder of ["../../static/vendor/", "../browser/vendor/"]) {
  test(`what is vendored in ${folder} is what its checksums say`, async () => {
    const at = new URL(folder, import.meta.url);
    const lines = (await readFile(new URL("SHA256SUMS", at), "utf8")).trim().split("\n");
    for (const line of lines) {
      const [sum, file] = line.split(/\s+/);
      assert.equal(createHash("sha256").update(await readFile(new URL(file, at))).digest("hex"), sum, file);
    }
  });
}
