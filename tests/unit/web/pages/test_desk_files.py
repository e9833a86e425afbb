"""The desk's files: one address a version, and what opens the desk offline."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from stoppress.web.pages import desk_files, desk_routes_page_and_preview
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.problems import exception_handlers
from tests.unit.web.desk_harness import BASE, open_harness

DESK = Path(desk_files.__file__).with_name("static") / "desk"
MOST_SCRIPT_BYTES = 60_000
_TYPE_OPTIONS = {
    "allowJs": True,
    "checkJs": True,
    "strict": True,
    "noImplicitReturns": True,
    "noEmit": True,
    "target": "es2022",
    "module": "es2022",
    "moduleResolution": "node",
    "lib": ["es2022", "dom", "dom.iterable"],
    "types": [],
}


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with open_harness() as harness:
        app = Starlette(
            routes=desk_routes_page_and_preview.routes(harness.services),
            exception_handlers=exception_handlers(BASE),
        )
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as browser:
            yield browser


@pytest.mark.asyncio
async def test_the_service_worker(browser: httpx.AsyncClient) -> None:
    """It may serve the desk's page, and names files that are there."""
    answer = await browser.get("/desk/service-worker.js")
    assert answer.headers["service-worker-allowed"] == "/desk"
    assert answer.headers["cache-control"] == "no-cache"
    found = re.match(r"self\.DESK = (\{.*?\});\n", answer.text)
    assert found
    files = json.loads(found[1])["files"]
    assert len(files) == 5
    assert not [name for name in files if "service_worker" in name]
    for name in files:
        if name != "/stop-press.css":  # of the reader's pages
            assert (await browser.get(name)).status_code == 200, name


@pytest.mark.asyncio
async def test_the_manifest(browser: httpx.AsyncClient) -> None:
    """What a browser needs to install the desk is there."""
    answer = await browser.get("/desk/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert (manifest["start_url"], manifest["display"]) == ("/desk", "standalone")
    icon = await browser.get(manifest["icons"][0]["src"])
    assert icon.headers["content-type"].startswith("image/svg+xml")


@pytest.mark.asyncio
async def test_the_desk_s_script_is_small(browser: httpx.AsyncClient) -> None:
    """As it is sent to a browser that takes gzip, and nothing but it is loaded."""
    page = (await browser.get("/desk")).text
    worker = (await browser.get("/desk/service-worker.js")).text
    (path,) = re.findall(r'"([^"]+/desk/desk\.js)"', worker)
    assert len(re.findall(r"<script", page)) <= 1
    request = browser.build_request("GET", path, headers={"accept-encoding": "gzip"})
    answer = await browser.send(request, stream=True)
    assert answer.headers["content-encoding"] == "gzip"
    size = sum([len(part) async for part in answer.aiter_raw()])
    assert 10_000 < size <= MOST_SCRIPT_BYTES


@pytest.mark.skipif(shutil.which("tsc") is None, reason="tsc is not installed")
def test_the_scripts_are_typed(tmp_path: Path) -> None:
    """The TypeScript compiler finds no fault in the desk's scripts."""
    shutil.copytree(DESK, tmp_path / "desk")
    shutil.copytree(browser_folder() / "stop-press", tmp_path / "stop-press")
    config = {"compilerOptions": _TYPE_OPTIONS, "include": ["desk/*.js"]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    ran = subprocess.run(
        ["tsc", "-p", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
