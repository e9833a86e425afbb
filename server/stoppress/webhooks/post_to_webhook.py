"""Sends one message to a webhook, only to public addresses, and within limits.

Rules: an operator may also allow internal hosts (the setting `webhook_hosts`).
Redirects are not followed, and the request contains only the message; of the answer
only the status is used. Addresses are checked like those of link cards, at each attempt
(`link_cards/guarded_network.py`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import httpcore

from stoppress import __version__
from stoppress.domain.errors import Invalid
from stoppress.domain.webhook_internal_hosts import NO_INTERNAL_HOSTS, InternalHosts
from stoppress.link_cards.allowed_fetch_targets import target_of
from stoppress.link_cards.guarded_network import (
    GuardedNetwork,
    NotPublic,
    Open,
    Resolve,
    answer_of,
    open_connection,
)

SEND_TIMEOUT_S = 15.0
"""Timeout of one attempt; Standard Webhooks names 15 to 30 s."""


class WebhookSender:
    """Sends messages; all its network access is through `resolve` and `open`."""

    def __init__(
        self,
        resolve: Resolve,
        open: Open = open_connection,
        trust: ssl.SSLContext | None = None,
        timeout_s: float = SEND_TIMEOUT_S,
        internal: InternalHosts = NO_INTERNAL_HOSTS,
    ) -> None:
        self._network = GuardedNetwork(resolve, open, internal)
        self._internal = internal
        self._trust = trust
        self._timeout_s = timeout_s

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> str:
        """Send the message; "" if it was accepted (2xx), else the reason."""
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(url, headers, body)
        except (NotPublic, Invalid):
            return "its host is unknown, or not on the public internet"
        except (TimeoutError, httpcore.TimeoutException):
            return f"no answer came within {self._timeout_s:g} s"
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError):
            return "the connection failed"
        return "" if 200 <= status < 300 else f"it answered {status}"

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        target = target_of(url, self._internal)
        if self._trust is None:
            self._trust = await asyncio.to_thread(ssl.create_default_context)
        given = {
            "user-agent": f"StopPress/{__version__} (webhooks)",
            "content-type": "application/json",
            "content-length": str(len(body)),
            **headers,
        }
        async with answer_of(
            "POST",
            target,
            self._network,
            self._trust,
            headers=given,
            content=body,
            timeout_s=self._timeout_s,
            connect_timeout_s=self._timeout_s,
        ) as response:
            return response.status
