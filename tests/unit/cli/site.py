"""A server for the tests of commands: it answers as it is told, and notes what came."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from stoppress.cli.program import run


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Site:
    """The server, and what it was asked; `answers` by method and path."""

    capsys: pytest.CaptureFixture[str]
    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def run(self, *arguments: str, token: str = "sp_t") -> tuple[int, str, str]:
        """One command for this server: its exit code, stdout and stderr."""
        self.capsys.readouterr()
        code = run([*arguments, "--url", self.url, "--token", token])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def writes(self) -> list[tuple[str, str, Any]]:
        """What was written: method, path and body."""
        return [
            (one.method, one.path, one.body)
            for one in self.asked
            if one.method != "GET"
        ]


@contextmanager
def serving(capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    """A site that listens until the end of the block."""
    site = Site(capsys)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            site.asked.append(Asked(self.command, self.path, headers, body))
            status, answer = site.answers.get(
                f"{self.command} {self.path}", (404, {"detail": f"no {self.path}"})
            )
            self.send_response(status)
            self.end_headers()
            if answer is not None:
                self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
