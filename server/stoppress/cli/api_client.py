"""The requests of commands to a server, and how its answers are read.

Rules:
- Every write has an Idempotency-Key, so that a write of unknown outcome (503, a broken
  connection) is repeated, with the same Idempotency-Key, for RETRY_FOR_S.
- The server's explanation (a problem document) is the error that the user sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
import httpx

from stoppress.client.api_errors import (
    ApiCallFailed,
    InvalidArgument,
    InvalidEnvironment,
)
from stoppress.client.api_session import ApiRequest, ApiSession, decoded

DEFAULT_URL = "http://127.0.0.1:8000"
RETRY_FOR_S = 30.0
"""How long a write of unknown outcome is repeated."""

Command = TypeVar("Command", bound=Callable[..., Any])


class CallFailed(click.ClickException):
    """The server refused (with `status`), or can't be reached (status 0)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ApiClient:
    """Calls a server with one token."""

    def __init__(self, url: str, token: str | None) -> None:
        self.token = token
        try:
            self._session = ApiSession(
                url, token, repeat_for_s=RETRY_FOR_S, needs_server=True
            )
        except InvalidEnvironment:
            raise
        except InvalidArgument as wrong:
            raise click.UsageError(f"--{wrong}") from None
        self.url = self._session.url

    def get(self, path: str) -> Any:
        """The JSON at `path`. Raises CallFailed."""
        return self._answer(ApiRequest("GET", path), repeat=False)

    def raw(self, path: str) -> httpx.Response:
        """The response at `path`, of any status. Raises CallFailed if there is none."""
        try:
            return self._session.once(ApiRequest("GET", path))
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise CallFailed(
                f"no answer from {self.url}: {reason}; is the server running?"
            ) from None

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
        request = ApiRequest.write(
            method,
            path,
            content,
            idempotency_key=idempotency_key,
            match=None if match is None else f'"{match}"',
        )
        return self._answer(request, repeat=True)

    def _answer(self, request: ApiRequest, *, repeat: bool) -> Any:
        try:
            return decoded(self._session.send(request, repeat=repeat))
        except ApiCallFailed as failed:
            raise CallFailed(str(failed), failed.status) from None


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
