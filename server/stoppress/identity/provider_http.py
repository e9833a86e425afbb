"""HTTP to the identity provider: few calls, each with a limit of time and bytes.

Rules: redirects are not followed, as every address is configured or comes from a
configured document; an answer is JSON of at most MAX_ANSWER_BYTES, and no compressed
one is asked for or unpacked, as a few bytes can become gigabytes; every failure is
ProviderAway, with one line that holds no secret.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stoppress.identity.strict_json import AmbiguousJson, read_object

if TYPE_CHECKING:
    import httpx

PROVIDER_TIMEOUT_S = 5.0
"""Limit of one call, from name look-up to the last byte."""
MAX_ANSWER_BYTES = 256 << 10


class ProviderAway(Exception):
    """The provider did not answer, or its answer is invalid."""


class ProviderHttp:
    """The one HTTP client of a process for its identity providers."""

    def __init__(self, timeout_s: float = PROVIDER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None

    async def get(self, url: str) -> dict[str, Any]:
        """The JSON object at an address. Raises ProviderAway."""
        status, answer = await self._call("GET", url, None, {})
        if status != 200:
            raise ProviderAway(f"{_shown(url)} answered {status}")
        return answer

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """The status and JSON that answer a form. Raises ProviderAway."""
        return await self._call("POST", url, form, headers)

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _call(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> tuple[int, dict[str, Any]]:
        client = await self._open()
        import httpx

        try:
            async with asyncio.timeout(self._timeout_s):
                request = client.build_request(
                    method,
                    url,
                    data=form,
                    headers={
                        "accept": "application/json",
                        "accept-encoding": "identity",
                        **headers,
                    },
                )
                response = await client.send(request, stream=True)
                try:
                    raw = await _body(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ProviderAway(
                f"{_shown(url)} did not answer within {self._timeout_s:g} s"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ProviderAway(f"{_shown(url)}: {error}") from None
        try:
            return response.status_code, read_object(raw)
        except AmbiguousJson as error:
            if response.status_code != 200:
                return response.status_code, {}
            raise ProviderAway(f"{_shown(url)}: {error}") from None

    async def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            client = await asyncio.to_thread(_client, self._timeout_s)
            self._client = self._client or client
        return self._client


def _client(timeout_s: float) -> httpx.AsyncClient:
    """A client; made in a thread, as the library and certificates are read."""
    import httpx  # a server without a provider starts without it, 0.1 s earlier

    context = ssl.create_default_context()
    return httpx.AsyncClient(verify=context, timeout=timeout_s, follow_redirects=False)


async def _body(response: httpx.Response) -> bytes:
    """The bytes as they came, counted piece by piece. Raises ProviderAway."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise ProviderAway(
            f"{_shown(str(response.url))}: compressed ({coding[:40]!r}), "
            "which was not asked for"
        )
    found = bytearray()
    async for piece in response.aiter_raw():
        found += piece
        if len(found) > MAX_ANSWER_BYTES:
            raise ProviderAway(
                f"{_shown(str(response.url))}: more than {MAX_ANSWER_BYTES} bytes"
            )
    return bytes(found)


def _shown(url: str) -> str:
    """An address for the log, without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
