// A share of the drawn interleavings (`make interleavings` has them all): no word is lost,
// none is public unasked, none is out twice.
import assert from "node:assert/strict";
import { test } from "node:test";

import { play } from "./drawn_editors.mjs";

const COUNT = 60;
const SEED = 1;

test(`${COUNT} drawn interleavings from seed ${SEED}`, async () => {
  let words = 0;
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    try {
      words += (await play(seed)).words;
    } catch (error) {
      assert.fail(`seed ${seed}: ${error.message} (node interleavings.mjs --count 1 --seed ${seed})`);
    }
  }
  assert.ok(words > COUNT, "little was written");
});
