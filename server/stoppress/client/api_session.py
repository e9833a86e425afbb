"""Sends requests to the HTTP API with one token, until each is settled.

Rules: `ApiRequest` makes the requests; `request_attempts.py` decides when one is
repeated. The synchronous and the asynchronous session only send and wait.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any, NamedTuple

import httpx
import msgspec

from stoppress.client.api_errors import RequestRefused
from stoppress.client.check_arguments import (
    checked_key,
    clean_secret,
    server_address,
    usable_environment,
)
from stoppress.client.request_attempts import RequestAttempts
from stoppress.domain.undecodable_json import UNDECODABLE

REPEAT_FOR_S = 30.0
"""How long a request is repeated, by default."""
ANSWER_S = 10.0
"""How long one attempt may take."""


class ApiRequest(NamedTuple):
    """One request. `idempotency_key` is None for a read."""

    method: str
    path: str
    body: bytes | None = None
    idempotency_key: str | None = None
    match: str | None = None
    """The value of If-Match."""

    @classmethod
    def write(
        cls,
        method: str,
        path: str,
        content: object = None,
        *,
        idempotency_key: str | None = None,
        match: str | None = None,
    ) -> ApiRequest:
        """A write with a JSON body; its Idempotency-Key is random unless given.

        Raises InvalidArgument.
        """
        body = None if content is None else msgspec.json.encode(content)
        key = secrets.token_hex(16) if idempotency_key is None else idempotency_key
        return cls(method, path, body, checked_key(key), match)

    def headers(self) -> dict[str, str]:
        """The headers of each attempt."""
        headers = {}
        if self.idempotency_key is not None:
            headers["idempotency-key"] = self.idempotency_key
        if self.match is not None:
            headers["if-match"] = self.match
        if self.body is not None:
            headers["content-type"] = "application/json"
        return headers


class _Target:
    """A server and how long its requests are repeated. Raises InvalidArgument."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        repeat_for_s: float,
        needs_server: bool,
    ) -> None:
        self.url = server_address(url)
        secret = clean_secret(token, "token")
        self.headers = {"authorization": f"Bearer {secret}"} if secret else {}
        self._repeat_for_s = repeat_for_s
        self._needs_server = needs_server

    def attempts(self, request: ApiRequest, *, repeat: bool = True) -> RequestAttempts:
        """The attempts of one request."""
        return RequestAttempts(
            self.url,
            request.idempotency_key,
            repeat_for_s=self._repeat_for_s if repeat else 0.0,
            needs_server=self._needs_server,
        )


class ApiSession:
    """Sends requests, and waits for each. Close it, or use it as a context manager.

    `repeat_for_s`: how long a request is repeated (0: one attempt). `needs_server`:
    fail at once if the server can't be reached.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        repeat_for_s: float = REPEAT_FOR_S,
        needs_server: bool = False,
    ) -> None:
        self._target = _Target(
            url, token, repeat_for_s=repeat_for_s, needs_server=needs_server
        )
        self.url = self._target.url
        with usable_environment():
            self._http = httpx.Client(
                base_url=self.url, headers=self._target.headers, timeout=ANSWER_S
            )

    def send(self, request: ApiRequest, *, repeat: bool = True) -> httpx.Response:
        """The successful response. Raises RequestRefused, OutcomeUnknown."""
        attempts = self._target.attempts(request, repeat=repeat)
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = self.once(request)
            except httpx.TransportError as error:
                outcome = error
            wait_s = attempts.wait_s(outcome)
            if wait_s is None and isinstance(outcome, httpx.Response):
                return outcome
            time.sleep(wait_s or 0)

    def once(self, request: ApiRequest) -> httpx.Response:
        """The response to one attempt, of any status. Raises httpx.TransportError."""
        method, path, body, *_ = request
        return self._http.request(method, path, content=body, headers=request.headers())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> ApiSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncApiSession:
    """`ApiSession` for asyncio."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        repeat_for_s: float = REPEAT_FOR_S,
        needs_server: bool = False,
    ) -> None:
        self._target = _Target(
            url, token, repeat_for_s=repeat_for_s, needs_server=needs_server
        )
        self.url = self._target.url
        with usable_environment():
            self._http = httpx.AsyncClient(
                base_url=self.url, headers=self._target.headers, timeout=ANSWER_S
            )

    async def send(self, request: ApiRequest) -> httpx.Response:
        """The successful response. Raises RequestRefused, OutcomeUnknown."""
        attempts = self._target.attempts(request)
        method, path, body, *_ = request
        while True:
            outcome: httpx.Response | httpx.TransportError
            try:
                outcome = await self._http.request(
                    method, path, content=body, headers=request.headers()
                )
            except httpx.TransportError as error:
                outcome = error
            wait_s = attempts.wait_s(outcome)
            if wait_s is None and isinstance(outcome, httpx.Response):
                return outcome
            await asyncio.sleep(wait_s or 0)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncApiSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def decoded(response: httpx.Response) -> Any:
    """The JSON of a successful response, None if it is empty. Raises RequestRefused."""
    try:
        return msgspec.json.decode(response.content) if response.content else None
    except UNDECODABLE:
        raise not_stop_press(response, "its answer is not JSON") from None


def not_stop_press(response: httpx.Response, why: str) -> RequestRefused:
    """The error for a successful answer that no Stop Press server gives."""
    return RequestRefused(
        f"{response.url} is not a Stop Press server: {why}", response.status_code
    )
