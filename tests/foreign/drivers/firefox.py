"""Firefox as it is shipped, driven by WebDriver BiDi, which it speaks by itself."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox") or "firefox-esr"
LISTENS = "WebDriver BiDi listening on "
START_S = 60.0
MAX_BYTES = 16 << 20


class Firefox:
    """A browser with one page."""

    async def open(self, url: str, heard: Callable[[str], None]) -> None:
        """Start, open the address, and pass on what its console says."""
        self._heard = heard
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        _set_preferences(Path(self._folder.name))
        self._process = await asyncio.create_subprocess_exec(
            *(FIREFOX, "--headless", "--no-remote", "--remote-debugging-port", "0"),
            *("--profile", self._folder.name),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(START_S):
            address = await self._address()
            self._socket: ClientConnection = await connect(
                f"{address}/session", max_size=MAX_BYTES
            )
        self._reading = asyncio.create_task(self._read())
        await self._send("session.new", {"capabilities": {}})
        await self._send("session.subscribe", {"events": ["log.entryAdded"]})
        tree = await self._send("browsingContext.getTree", {})
        self._context = tree["contexts"][0]["context"]
        await self._send(
            "browsingContext.navigate",
            {"context": self._context, "url": url, "wait": "complete"},
        )

    async def _address(self) -> str:
        assert self._process.stderr is not None
        while line := (await self._process.stderr.readline()).decode():
            if LISTENS in line:
                return line.partition(LISTENS)[2].strip()
        raise RuntimeError("Firefox ended before it listened")

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._socket:
                message = json.loads(text)
                waiting = self._waiting.pop(message.get("id"), None)
                if waiting is not None:
                    waiting.set_result(message)
                elif message.get("method") == "log.entryAdded":
                    self._heard(str(message["params"]["text"]))

    async def _send(self, method: str, params: dict[str, Any]) -> Any:
        number = next(self._ids)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(
            json.dumps({"id": number, "method": method, "params": params})
        )
        async with asyncio.timeout(START_S):
            answer = await waiting
        assert answer["type"] == "success", answer
        return answer["result"]

    async def _evaluate(self, expression: str) -> Any:
        done = await self._send(
            "script.evaluate",
            {
                "expression": expression,
                "target": {"context": self._context},
                "awaitPromise": True,
            },
        )
        assert done["type"] == "success", done
        return done["result"]

    async def run(self, script: str) -> None:
        """Run statements in the page."""
        await self._evaluate(f"(() => {{ {script} }})()")

    async def ask(self, expression: str) -> str:
        """What a promise in the page comes to, a string."""
        return str((await self._evaluate(expression))["value"])

    async def close(self) -> None:
        """End."""
        await self._socket.close()
        self._process.terminate()
        await self._process.wait()
        self._reading.cancel()
        self._folder.cleanup()


def _set_preferences(profile: Path) -> None:
    """Show JSON as text: Firefox's own viewer lets no script run."""
    preference = 'user_pref("devtools.jsonview.enabled", false);\n'
    (profile / "user.js").write_text(preference)
