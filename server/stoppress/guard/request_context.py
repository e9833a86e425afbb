"""The context of the running request: its id, its client, why it was refused.

Rules:
- One context per request, set where the request enters
  (`add_request_id_and_log_refusal.py`); each request has a task of its own, so a
  context variable holds it.
- Ids are random and no secret: the kernel is asked for the randomness of many at once,
  as a call per request took 2 % of what a publish costs this process.
- An id from outside counts only if a trusted proxy sent it, and only if it is a short
  plain word: it is written into logs and headers.
"""

from __future__ import annotations

import os
import re
from contextvars import ContextVar

HEADER = "x-request-id"

ID_BYTES = 8
IDS_AT_ONCE = 256
"""Ids for which randomness is read at once."""

_VALID = re.compile(r"[A-Za-z0-9._:+/=@-]{8,128}", re.ASCII)


class RequestContext:
    """One request. `reason` says why it was refused; "" if it was not."""

    __slots__ = ("caller", "client", "detail", "id", "method", "path", "reason")

    def __init__(self, id: str, client: str, method: str, path: str) -> None:
        self.id = id
        self.client = client
        self.method = method
        self.path = path
        self.caller = ""
        """The id of the token or person, once it is known."""
        self.reason = ""
        self.detail = ""
        """The explanation for operators, which the caller does not get."""


CURRENT: ContextVar[RequestContext | None] = ContextVar("request", default=None)
"""The request that the running task answers."""


class _RandomIds:
    """Makes ids of randomness that is read for many of them at once."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        # A process forked from this one must not give the same ids.
        os.register_at_fork(after_in_child=self._ids.clear)

    def next(self) -> str:
        """An id that was not given before."""
        if not self._ids:
            drawn = os.urandom(IDS_AT_ONCE * ID_BYTES).hex()
            width = 2 * ID_BYTES
            self._ids += [drawn[at : at + width] for at in range(0, len(drawn), width)]
        return self._ids.pop()


_random_ids = _RandomIds()


def new_request_id() -> str:
    """A random id: 64 bits."""
    return _random_ids.next()


def is_request_id(text: str) -> bool:
    """Whether an id from outside may be used."""
    return _VALID.fullmatch(text) is not None
