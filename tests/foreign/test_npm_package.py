"""The npm package, packed from a clean checkout, as Node and TypeScript see it.

TypeScript is the npm's own, newer than the system's, which knows no `bundler`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.foreign.clients import PACKAGES
from tests.unit.test_types import CONSUMER, MODULES

pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None or not (PACKAGES / "typescript").is_dir(),
    reason="npm or its packages are missing: make foreign",
)

FROM_COMMONJS = """
async function main(): Promise<void> {
  const { Reader } = await import("stop-press/client.js");
  const { StopPress } = await import("stop-press");
  new Reader("https://live.example.org", "harbour-fire", {}).start();
  console.log(StopPress.observedAttributes);
}
void main();
"""


def run(folder: Path, *command: str) -> str:
    """What a command prints; fails with what it says."""
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=500, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of somebody else that has installed the package."""
    checkout = tmp_path_factory.mktemp("checkout") / "stop-press"
    made = shutil.ignore_patterns("types", "node_modules", "*.tgz")
    shutil.copytree(MODULES, checkout, ignore=made)
    (packed,) = json.loads(run(checkout, "npm", "pack", "--json"))
    names = {one["path"] for one in packed["files"]}
    assert {path.name for path in MODULES.glob("*.js")} <= names
    assert {f"types/{path.stem}.d.ts" for path in MODULES.glob("*.js")} <= names
    assert {"package.json", "README.md"} <= names
    project = tmp_path_factory.mktemp("project")
    (project / "package.json").write_text('{"type": "module"}')
    archive = str(checkout / packed["filename"])
    run(project, "npm", "install", "--offline", "--no-audit", "--no-fund", archive)
    (project / "consumer.mts").write_text(CONSUMER)
    (project / "consumer.ts").write_text(CONSUMER)
    (project / "consumer.cts").write_text(FROM_COMMONJS)
    return project


def test_the_package_can_be_imported_on_a_server(consumer: Path) -> None:
    """With `import`, also from CommonJS."""
    script = 'import("stop-press").then((all) => console.log(Object.keys(all).join()))'
    for kind in ("module", "commonjs"):
        said = run(consumer, "node", f"--input-type={kind}", "-e", script)
        assert said.strip() == "StopPress"


@pytest.mark.parametrize(
    ("module", "resolution"),
    [("node16", "node16"), ("nodenext", "nodenext"), ("esnext", "bundler")],
)
def test_the_types_resolve(consumer: Path, module: str, resolution: str) -> None:
    """For ES modules, and for `import()` in CommonJS; no check is skipped."""
    tsc = str(PACKAGES / ".bin" / "tsc")
    options = ["--strict", "--noEmit", "--skipLibCheck", "false"]
    options += ["--target", "es2022", "--lib", "es2022,dom"]
    options += ["--module", module, "--moduleResolution", resolution]
    run(consumer, tsc, *options, "consumer.mts", "consumer.ts", "consumer.cts")
