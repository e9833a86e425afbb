"""Tabs that are really hidden and frozen, in a Chromium driven by its own protocol.

Playwright keeps each of its pages visible and in focus, whatever is in front; so these
tabs are not Playwright's. The clock is the browser's own, but that `jump` sets it on.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.browser.conftest import CHROMIUM
from tests.conftest import END_S
from tests.waiting import wait_until

ANSWER_S = 60.0
_CLOCK = """{
    const own = Date.now;
    window.ahead = 0;
    Date.now = () => own() + window.ahead;
}"""


class Browser:
    """A running Chromium."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._asked = 0

    def ask(self, method: str, session: str = "", **params: object) -> Any:
        """One command; its result."""
        self._asked += 1
        command = {"id": self._asked, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        self._line.send(json.dumps(command))
        while True:
            told = json.loads(self._line.recv(timeout=ANSWER_S))
            if told.get("id") == self._asked:
                assert "error" not in told, told
                return told["result"]

    def tab(self) -> Tab:
        """A new tab, in front of all others."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        made = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        tab = Tab(self, target, made["sessionId"])
        tab.ask("Page.enable")
        tab.ask("Network.enable")
        tab.ask("Page.addScriptToEvaluateOnNewDocument", source=_CLOCK)
        tab.show()
        return tab


class Tab:
    """One tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def ask(self, method: str, **params: object) -> Any:
        """One command to this tab; its result."""
        return self._browser.ask(method, self._session, **params)

    def run(self, script: str, **where: object) -> Any:
        """What a script gives, once it is settled; `where`: in another frame."""
        told = self.ask(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            **where,
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        # Asked from here: a hidden page's own timers may ring once a minute.
        wait_until(lambda: self.run(condition))

    def open(self, url: str) -> None:
        """Go to a page."""
        self.ask("Page.navigate", url=url)

    def resize(self, width: int, height: int) -> None:
        """Make the window so large."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def show(self) -> None:
        """Put it in front; what was in front is hidden."""
        self._browser.ask("Target.activateTarget", targetId=self._target)

    def sleep(self, minutes: float) -> None:
        """Nothing runs, and when something does again it is so much later."""
        self.run(f"window.ahead += {minutes * 60_000}; 0")
        self.ask("Page.setWebLifecycleState", state="frozen")

    def wake(self) -> None:
        """Run again."""
        self.ask("Page.setWebLifecycleState", state="active")

    def hear(self, *, online: bool) -> None:
        """The machine says that it has a network, or that it has none."""
        self.ask(
            "Network.emulateNetworkConditions",
            offline=not online,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )


@contextmanager
def a_browser(profile: Path) -> Iterator[Browser]:
    """A Chromium with a profile of its own."""
    process = subprocess.Popen(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-background-networking",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        found = (re.search(r"ws://\S+", line) for line in process.stderr)
        address = next(filter(None, found))[0]
        with connect(address, max_size=None) as line:
            yield Browser(line)
    finally:
        process.terminate()
        process.wait(END_S)
        if process.stderr is not None:
            process.stderr.close()
