"""The errors of calls to the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiCallFailed(Exception):
    """A call failed; `str()` says why, in the server's words if it answered.

    `status` is the answer's status, 0 if there was none. `problem` is the answer's
    problem document (RFC 9457), empty if there was none. `idempotency_key` is the
    key of a write.
    """

    def __init__(
        self,
        reason: str,
        status: int = 0,
        problem: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.problem = dict(problem or {})
        self.idempotency_key = idempotency_key


class RequestRefused(ApiCallFailed):
    """The server refused the request, or was never reached: nothing was changed."""


class InvalidArgument(RequestRefused, ValueError):
    """An argument can't be sent: nothing was, and nothing was changed."""


class InvalidEnvironment(InvalidArgument):
    """A proxy or a file of certificates that the environment names can't be used."""


class OutcomeUnknown(ApiCallFailed):
    """The server gave no final answer in time: the request may have been done.

    The same write with the same `idempotency_key` settles it.
    """
