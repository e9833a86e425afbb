// The package on a server, where there is no DOM.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../../client_demo/stop-press/", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
const entry = (name) => import(new URL(exports[name].default, folder));

test("every entry of the package can be imported", async () => {
  assert.equal(globalThis.HTMLElement, undefined);
  assert.equal(globalThis.customElements, undefined);
  const { StopPress } = await entry(".");
  assert.equal(typeof StopPress, "function");
  assert.equal((await entry("./element.js")).StopPress, StopPress);
  assert.equal(typeof (await entry("./client.js")).Reader, "function");
  assert.equal(typeof (await entry("./fold.js")).fold, "function");
});

test("the element is registered where there are elements, once", async () => {
  const defined = new Map();
  globalThis.customElements = {
    get: (name) => defined.get(name),
    define: (name, element) => defined.set(name, [...(defined.get(name) ?? []), element]),
  };
  const { StopPress } = await import("../../client_demo/stop-press/define.js?first");
  await import("../../client_demo/stop-press/define.js?second");
  assert.deepEqual(defined.get("stop-press"), [StopPress]);
  delete globalThis.customElements;
});
