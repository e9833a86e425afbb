// The desk's modules beside those of the package, as the server serves them.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "desk-"));
cpSync(here("../../server/stoppress/web/pages/static/desk"), join(folder, "desk"), { recursive: true });
cpSync(here("../../client_demo/stop-press"), join(folder, "stop-press"), { recursive: true });

export const deskModule = (name) => import(pathToFileURL(join(folder, "desk", name)).href);
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
