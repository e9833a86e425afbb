"""The three engines that readers have: Chromium, Firefox as shipped, and WebKitGTK.

Each is driven by what it speaks by itself: Chromium by its own protocol (`tabs.py`),
Firefox by WebDriver BiDi, WebKit by WebDriver. What is here is what the tests of all
three need: a page, a frame in it, going back and forward.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.browser.conftest import CHROMIUM
from tests.browser.tabs import Tab, a_browser
from tests.conftest import END_S
from tests.plain_http import PATIENCE_S
from tests.ports import reserve_port
from tests.waiting import wait_until

ENGINES = ("chromium", "firefox", "webkit")
WIDTH, HEIGHT = 1000, 800
_PLACES = ("lib*/*/webkit2gtk-4*/MiniBrowser", "lib*/webkit2gtk-4*/MiniBrowser")
MINI_BROWSER = next(
    (found for one in _PLACES for found in sorted(Path("/usr").glob(one))), None
)
NEEDS: dict[str, list[Path | str | None]] = {
    "chromium": [Path(CHROMIUM)],
    "firefox": [shutil.which("firefox-esr") or shutil.which("firefox")],
    "webkit": [MINI_BROWSER, shutil.which("WebKitWebDriver"), shutil.which("Xvfb")],
}


class Engine(Protocol):
    """A browser with one page."""

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""

    def run(self, expression: str, *, in_frame: bool = False) -> Any:
        """What a JavaScript expression gives, once settled; or so in the frame."""

    def go(self, steps: int) -> None:
        """Go back (-1) or forward (1) in the history."""


def until(engine: Engine, condition: str, *, in_frame: bool = False) -> None:
    """Wait until an expression is true."""
    wait_until(lambda: engine.run(condition, in_frame=in_frame), PATIENCE_S)


def missing(name: str) -> str:
    """Why this engine can't be tested here; "" if it can."""
    if all(NEEDS[name]):
        return ""
    return f"{name} is not installed: `make system` names or installs what is missing"


@contextmanager
def an_engine(name: str, folder: Path) -> Iterator[Engine]:
    """A running browser with a profile of its own."""
    make = {"chromium": _chromium, "firefox": a_firefox, "webkit": _webkit}[name]
    with make(folder / name) as engine:
        yield engine


class _Chromium:
    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    def open(self, url: str) -> None:
        self._tab.open(url)
        until(self, f"location.href === {json.dumps(url)} && {_COMPLETE}")

    def run(self, expression: str, *, in_frame: bool = False) -> Any:
        if not in_frame:
            return json.loads(self._tab.run(_as_json(expression)))
        tree = self._tab.ask("Page.getFrameTree")["frameTree"]
        frame = tree["childFrames"][0]["frame"]["id"]
        world = self._tab.ask("Page.createIsolatedWorld", frameId=frame)
        context = world["executionContextId"]
        return json.loads(self._tab.run(_as_json(expression), contextId=context))

    def go(self, steps: int) -> None:
        self._tab.ask("Runtime.evaluate", expression=f"history.go({steps})")


@contextmanager
def _chromium(folder: Path) -> Iterator[Engine]:
    with a_browser(folder) as browser:
        tab = browser.tab()
        tab.resize(WIDTH, HEIGHT)
        yield _Chromium(tab)


class Firefox:
    """One window of a Firefox, with its keyboard."""

    def __init__(self, line: ClientConnection, asked: count[int], context: str) -> None:
        self._line = line
        self._asked = asked
        self._context = context
        self._ask(
            "browsingContext.setViewport",
            context=context,
            viewport={"width": WIDTH, "height": HEIGHT},
        )

    @classmethod
    def first(cls, line: ClientConnection) -> Firefox:
        """The window that a new session has."""
        asked = count(1)
        ask(line, asked, "session.new", capabilities={})
        tree = ask(line, asked, "browsingContext.getTree")
        return cls(line, asked, tree["contexts"][0]["context"])

    def window(self) -> Firefox:
        """Another window of the same person: both are visible, unlike tabs."""
        made = self._ask("browsingContext.create", type="window")
        return Firefox(self._line, self._asked, made["context"])

    def press(self, *keys: str, held: str = "") -> None:
        """Press keys one after the other, while another one is held down."""
        strokes = [
            {"type": kind, "value": key}
            for key in keys
            for kind in ("keyDown", "keyUp")
        ]
        if held:
            down, up = ({"type": kind, "value": held} for kind in ("keyDown", "keyUp"))
            strokes = [down, *strokes, up]
        keyboard = {"type": "key", "id": "keyboard", "actions": strokes}
        self._ask("browsingContext.activate", context=self._context)
        self._ask("input.performActions", context=self._context, actions=[keyboard])

    def _tree(self) -> Any:
        tree = self._ask("browsingContext.getTree", root=self._context)
        return tree["contexts"][0]

    def _ask(self, method: str, **params: object) -> Any:
        return ask(self._line, self._asked, method, **params)

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""
        self._ask(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    def run(self, expression: str, *, in_frame: bool = False) -> Any:
        """What a JavaScript expression gives, once settled; or so in the frame."""
        context = self._context
        if in_frame:
            context = self._tree()["children"][0]["context"]
        done = self._ask(
            "script.evaluate",
            expression=_as_json(expression),
            target={"context": context},
            awaitPromise=True,
        )
        assert done["type"] == "success", done
        return json.loads(done["result"]["value"])

    def go(self, steps: int) -> None:
        """Go back (-1) or forward (1) in the history."""
        self._ask("browsingContext.traverseHistory", context=self._context, delta=steps)


def ask(
    line: ClientConnection, asked: count[int], method: str, **params: object
) -> Any:
    """One command of WebDriver BiDi, and its result."""
    number = next(asked)
    line.send(json.dumps({"id": number, "method": method, "params": params}))
    while True:
        told = json.loads(line.recv(timeout=PATIENCE_S))
        if told.get("id") == number:
            assert told["type"] == "success", told
            return told["result"]


@contextmanager
def a_firefox(folder: Path) -> Iterator[Firefox]:
    """A running Firefox with a profile of its own."""
    folder.mkdir()
    program = str(NEEDS["firefox"][0])
    with _running(
        [program, "--headless", "--no-remote", "--remote-debugging-port", "0"]
        + ["--profile", str(folder)],
        folder,
        r"WebDriver BiDi listening on (\S+)",
    ) as address:
        with connect(f"{address}/session", max_size=None) as line:
            yield Firefox.first(line)


class _WebKit:
    def __init__(self, address: str) -> None:
        self._http = httpx.Client(timeout=PATIENCE_S, trust_env=False)
        options = {"binary": str(MINI_BROWSER), "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self._session = f"{address}/session"
        made = self._ask("POST", "", {"capabilities": wanted})
        self._session += f"/{made['sessionId']}"
        self._ask("POST", "/window/rect", {"width": WIDTH, "height": HEIGHT})

    def _ask(self, method: str, path: str, params: object = None) -> Any:
        told = self._http.request(method, self._session + path, json=params)
        assert told.status_code == 200, told.text
        return told.json()["value"]

    def open(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def run(self, expression: str, *, in_frame: bool = False) -> Any:
        if in_frame:
            self._ask("POST", "/frame", {"id": 0})
        try:
            script = f"{_as_json(expression)}.then(arguments[0])"
            told = self._ask("POST", "/execute/async", {"script": script, "args": []})
            return json.loads(told)
        finally:
            if in_frame:
                self._ask("POST", "/frame/parent", {})

    def go(self, steps: int) -> None:
        self._ask("POST", "/back" if steps < 0 else "/forward", {})

    def close(self) -> None:
        with suppress(httpx.HTTPError, AssertionError):
            self._ask("DELETE", "")
        self._http.close()


@contextmanager
def _webkit(folder: Path) -> Iterator[Engine]:
    folder.mkdir()
    screen = ["Xvfb", "-displayfd", "2", "-screen", "0", "1280x1024x24"]
    with _running(screen, folder, r"^(\d+)$") as display:
        variables = {
            "DISPLAY": f":{display}",
            "GDK_BACKEND": "x11",
            # Frames come at 60 Hz without a graphics card, too.
            "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
            "XDG_DATA_HOME": str(folder),
            "XDG_CACHE_HOME": str(folder),
        }
        port = reserve_port()
        driver = subprocess.Popen(
            ["WebKitWebDriver", f"--port={port}"],
            env=os.environ | variables,
            stderr=subprocess.DEVNULL,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _answers(f"{address}/status"))
            engine = _WebKit(address)
            try:
                yield engine
            finally:
                engine.close()
        finally:
            driver.terminate()
            driver.wait(END_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _running(command: list[str], folder: Path, listens: str) -> Iterator[str]:
    """A program, and what it says on stderr of where it listens."""
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, stderr=said)
        found = None

        def tells() -> bool:
            nonlocal found
            found = re.search(listens, (folder / "said").read_text(), re.MULTILINE)
            assert process.poll() is None, (folder / "said").read_text()
            return found is not None

        try:
            wait_until(tells)
            assert found is not None
            yield found[1]
        finally:
            process.terminate()
            process.wait(END_S)


_COMPLETE = "document.readyState === 'complete'"


def _as_json(expression: str) -> str:
    return f"(async () => JSON.stringify((await ({expression})) ?? null))()"
