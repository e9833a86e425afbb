"""The clients of the matrix, each as the command that runs its driver.

`needs` names what the client is: a program, a module of Python (both come from
elsewhere, so a client without it is left out), or packages of npm.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node" / "node_modules"
_WEBSOCKET_LIBRARIES = frozenset(
    ("websocket-client", "websockets", "autobahn", "ws", "reconnecting-websocket")
)


@dataclass(frozen=True)
class Client:
    """A client that others wrote."""

    name: str
    driver: str
    """A module of `drivers`, or a script for node or java."""
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    polls: bool = False
    """Whether it polls, and so hears events alone."""

    def command(self, base: str, feed: str, token: str) -> list[str]:
        """What runs it."""
        place = [base, feed, token, *self.arguments]
        if self.driver.endswith(".mjs"):
            return ["node", str(FOLDER / "node" / self.driver), *place]
        if self.driver.endswith(".java"):
            return ["java", str(FOLDER / "java" / self.driver), *place]
        module = f"tests.foreign.drivers.{self.driver}"
        return [sys.executable, "-m", module, *place]

    @property
    def is_websocket(self) -> bool:
        """Whether it reads over a WebSocket alone."""
        return "websocket" in self.arguments or self.name in _WEBSOCKET_LIBRARIES

    @property
    def half_closes(self) -> bool:
        """Whether it says that it sends no more, and then awaits the answer."""
        return "-N" in self.arguments

    @property
    def missing(self) -> str:
        """What it needs and is not here."""
        return ", ".join(name for name in self.needs if not _is_here(name))


def _is_here(name: str) -> bool:
    if name.startswith("npm:"):
        return (PACKAGES / name.removeprefix("npm:")).is_dir()
    return bool(shutil.which(name) or importlib.util.find_spec(name))


BROWSER_PACKAGE = "@microsoft/fetch-event-source"
CLIENTS = (
    Client("nc, HTTP/1.0", "netcat"),
    Client("nc -N, HTTP/1.0", "netcat", ("-N",)),
    Client("curl HTTP/1.0", "curl", ("--http1.0",), ("curl",)),
    Client("curl HTTP/1.1", "curl", ("--http1.1",), ("curl",)),
    Client("curl HTTP/2", "curl", ("--http2",), ("curl",)),
    Client("requests", "requests_lines", needs=("requests",)),
    Client(
        "urllib3, sseclient-py", "urllib3_sseclient", needs=("urllib3", "sseclient")
    ),
    Client("httpx", "httpx_lines", needs=("httpx",)),
    Client("httpx-sse", "httpx_sse_client", needs=("httpx_sse",)),
    Client("aiohttp", "aiohttp_client", needs=("aiohttp",)),
    Client("aiohttp WebSocket", "aiohttp_client", ("websocket",), ("aiohttp",)),
    Client("urllib, long poll", "standard_library", polls=True),
    Client("websocket-client", "websocket_client", needs=("websocket",)),
    Client("websockets", "websockets_client", needs=("websockets",)),
    Client("autobahn", "autobahn_client", needs=("autobahn",)),
    Client("JDK HttpClient", "Driver.java", ("stream", "2"), ("java",)),
    Client("JDK HttpClient, 1.1", "Driver.java", ("stream", "1.1"), ("java",)),
    Client("JDK WebSocket", "Driver.java", ("websocket", "1.1"), ("java",)),
    Client("node fetch", "driver.mjs", ("fetch",), ("node",)),
    Client("ws", "driver.mjs", ("ws",), ("node", "npm:ws")),
    Client(
        "reconnecting-websocket",
        "driver.mjs",
        ("reconnecting-websocket",),
        ("node", "npm:reconnecting-websocket", "npm:ws"),
    ),
    Client("eventsource", "driver.mjs", ("eventsource",), ("node", "npm:eventsource")),
    Client(
        "event-source-polyfill",
        "browser",
        ("chromium", "event-source-polyfill"),
        ("chromium", "npm:event-source-polyfill"),
    ),
    Client(
        "fetch-event-source",
        "browser",
        ("chromium", "fetch-event-source"),
        ("chromium", f"npm:{BROWSER_PACKAGE}"),
    ),
    Client("Chromium EventSource", "browser", ("chromium", "native"), ("chromium",)),
    Client("Chromium WebSocket", "browser", ("chromium", "websocket"), ("chromium",)),
    Client("Firefox EventSource", "browser", ("firefox", "native"), ("firefox-esr",)),
    Client("Firefox WebSocket", "browser", ("firefox", "websocket"), ("firefox-esr",)),
)
