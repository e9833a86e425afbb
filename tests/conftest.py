"""What every test may ask for: a server that runs as a reader would meet it.

`server` is one `stoppress serve` for the whole session; tests make their own feeds
(`new_slug`) and leave each other alone. `serving` starts further ones, for tests
that end or break theirs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

from tests.order import is_traced, ordered
from tests.plain_http import ANY_CERTIFICATE, PATIENCE_S, PLAIN

ADMIN_TOKEN = "sp_test_admin_0123456789abcdef"
READY = "Stop Press is serving on "
START_S = 60.0
END_S = 60.0

_slugs = count(1)

# By default an example that takes 0.2 s fails, and so does one that is made slowly.
hypothesis.settings.register_profile(
    "no verdict by time",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("no verdict by time")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: a third of the tests' time is waiting."""
    here = getattr(os, "sched_getaffinity", None)  # not on macOS
    return 1 + (len(here(0)) if here else os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, on every worker."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = ordered(items, workers)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure coverage by the tests that have to cover: tracing makes twice the work.

    pytest-cov's `no_cover` does not do it: a worker of xdist has two tracers.
    """
    if is_traced(item.path):
        return (yield)
    tracer, of_threads = sys.gettrace(), threading.gettrace()
    try:
        sys.settrace(None)
        threading.settrace(None)
        return (yield)
    finally:
        sys.settrace(tracer)
        threading.settrace(of_threads)


@dataclass
class Server:
    """A running server; `url` and `token` are what an editor needs."""

    process: subprocess.Popen[str]
    url: str
    token: str
    data: Path
    log: Path

    def request(
        self, method: str, path: str, json: object = None, **headers: str
    ) -> httpx.Response:
        """Ask the API, as the admin."""
        return httpx.request(
            method,
            self.url + path,
            json=json,
            headers={"authorization": f"Bearer {self.token}"}
            | {name.replace("_", "-"): value for name, value in headers.items()},
            timeout=PATIENCE_S,
            trust_env=False,
            verify=ANY_CERTIFICATE if self.url.startswith("https") else PLAIN,
        )

    def new_feed(self, **fields: object) -> str:
        """Make a feed that no other test has; its slug."""
        slug = f"feed-{os.getpid()}-{next(_slugs)}"
        made = self.request(
            "POST", "/v1/feeds", {"slug": slug, "title": slug, **fields}
        )
        assert made.status_code == 201, made.text
        return slug

    def publish(self, feed: str, body: str, **fields: object) -> Any:
        """Publish a post; `{post, cursor}`."""
        made = self.request("POST", f"/v1/feeds/{feed}/posts", {"body": body, **fields})
        assert made.status_code == 201, made.text
        return made.json()

    def end(self, signum: int = signal.SIGTERM) -> int:
        """End it, and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.process.wait(END_S)


@contextmanager
def started(data: Path, *options: str, **variables: str) -> Iterator[Server]:
    """A server of its own on `data`, ended at the end. Port 0 if none is given."""
    log = data.with_name(f"{data.name}.log")
    port = () if "--port" in options else ("--port", "0")
    environment = {k: v for k, v in os.environ.items() if "STOPPRESS" not in k}
    environment |= {"STOPPRESS_ADMIN_TOKEN": ADMIN_TOKEN, **variables}
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "stoppress", "serve"]
            + ["--data", str(data), *port, *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
        )
    try:
        assert process.stdout is not None
        # Ends too if the process does, as its stdout closes then.
        line = process.stdout.readline()
        assert line.startswith(READY), f"{line!r}; its log:\n{log.read_text()}"
        url = line.removeprefix(READY).strip()
        yield Server(process, url, environment["STOPPRESS_ADMIN_TOKEN"], data, log)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(END_S)
        finally:
            process.kill()
            if process.stdout is not None:
                process.stdout.close()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Build the reader's script anew, so that no test sees that of older modules."""
    import bundle_widget

    bundle_widget.build()


@pytest.fixture
def without_nohup() -> Iterator[None]:
    """SIGHUP counts, also where the tests themselves ignore it."""
    former = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, former)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server for every test that only uses one."""
    data = tmp_path_factory.mktemp("server") / "data"
    with started(data, "--drain-s", "0.5") as running:
        yield running


@pytest.fixture(scope="session")
def serving() -> Callable[..., Any]:
    """`serving(data, *options, **variables)`: a server of a test's own."""
    return started
