"""The requests of commands to a server, and how its answers are read.

Rules:
- Every write has an Idempotency-Key, so one whose outcome is open (503, a broken
  connection) is repeated, under the same Idempotency-Key, for RETRY_FOR_S.
- What the server explains (a problem document) is the error the user sees.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
import httpx
import msgspec

DEFAULT_URL = "http://127.0.0.1:8000"
RETRY_FOR_S = 30.0
"""How long a write of unknown outcome is repeated."""
ANSWER_S = 10.0
_OPEN = frozenset({502, 503, 504})

Command = TypeVar("Command", bound=Callable[..., Any])


class CallFailed(click.ClickException):
    """The server refused (with `status`), or can't be reached (0)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ApiClient:
    """Calls a server with one token."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        if not _is_address(self.url):
            raise click.UsageError(
                f"--url {url!r} is invalid (the server's address): "
                f"use one such as {DEFAULT_URL}"
            )
        if token and not token.isascii():
            raise click.UsageError("--token is invalid: use ASCII characters only")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=ANSWER_S)

    def get(self, path: str) -> Any:
        """The JSON at `path`. Raises CallFailed."""
        return self._settled(lambda: self._http.get(path), repeat=False)

    def raw(self, path: str) -> httpx.Response:
        """The response at `path`, of any status. Raises CallFailed if there is none."""
        try:
            return self._http.get(path)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def write(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        idempotency_key: str | None = None,
        match: int | None = None,
    ) -> Any:
        """Write, until the outcome is known. Raises CallFailed."""
        headers = {"idempotency-key": idempotency_key or secrets.token_hex(16)}
        if match is not None:
            headers["if-match"] = f'"{match}"'
        body = None
        if content is not None:
            headers["content-type"] = "application/json"
            body = msgspec.json.encode(content)
        return self._settled(
            lambda: self._http.request(method, path, content=body, headers=headers),
            repeat=True,
        )

    def _settled(self, ask: Callable[[], httpx.Response], *, repeat: bool) -> Any:
        deadline = time.monotonic() + (RETRY_FOR_S if repeat else 0)
        wait_s, is_open = 0.25, False
        while True:
            problem: CallFailed
            try:
                response = ask()
            except httpx.ConnectError as error:
                problem = self._unreachable(error)
                if not is_open:
                    # It never reached the server: the outcome is known.
                    raise problem from None
            except httpx.TransportError as error:
                problem, is_open = self._unreachable(error), True
            else:
                if response.is_success:
                    return _decoded(response)
                problem = CallFailed(_reason(response), response.status_code)
                if response.status_code not in _OPEN:
                    raise problem
                is_open = True
            pause_s = random.uniform(0, wait_s)
            if time.monotonic() + pause_s > deadline:
                raise problem
            time.sleep(pause_s)
            wait_s = min(wait_s * 2, 4.0)

    def _unreachable(self, error: Exception) -> CallFailed:
        reason = str(error) or type(error).__name__
        return CallFailed(
            f"no answer from {self.url}: {reason}; is the server running?"
        )


def _is_address(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)


def _decoded(response: httpx.Response) -> Any:
    try:
        return msgspec.json.decode(response.content) if response.content else None
    except msgspec.DecodeError:
        raise CallFailed(
            f"{response.url} is not a Stop Press server: its answer is not JSON"
        ) from None


def _reason(response: httpx.Response) -> str:
    try:
        problem: Mapping[str, Any] = msgspec.json.decode(response.content)
        return str(problem.get("detail") or problem["title"])
    except (msgspec.DecodeError, KeyError, AttributeError):
        status = f"{response.status_code} {response.reason_phrase}".strip()
        return f"{response.url} answered {status}"


def server_options(command: Command) -> Command:
    """Give a command `--url` and `--token`; it gets an `api`."""
    url = click.option(
        "--url",
        envvar="STOPPRESS_URL",
        default=DEFAULT_URL,
        show_default=True,
        help="The server's address (STOPPRESS_URL).",
    )
    token = click.option(
        "--token", envvar="STOPPRESS_TOKEN", help="The token to use (STOPPRESS_TOKEN)."
    )
    return url(token(command))
