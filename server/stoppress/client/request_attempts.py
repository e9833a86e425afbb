"""Decides after each attempt of a request whether and when there is another.

Rules:
- 429, 502, 503, 504 and a connection that breaks are repeated, as every write has an
  Idempotency-Key. Every other answer is final.
- The wait has full jitter over a growing bound. `Retry-After` is a minimum.
- After `repeat_for_s` the last failure is raised, at once if `Retry-After` is later.
- A request that can't be sent by the rules of HTTP is final.
- A first attempt that could not connect changed nothing. It is repeated unless
  `needs_server`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from stoppress.client.api_errors import ApiCallFailed, OutcomeUnknown, RequestRefused
from stoppress.domain.undecodable_json import UNDECODABLE

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 4.0
"""Bounds of the wait before the second attempt, and before late ones."""

_TOO_MANY = 429
_OPEN = frozenset({502, 503, 504})
"""Statuses after which it is unknown whether the request was done."""


class RequestAttempts:
    """The attempts of one request to the server at `url`."""

    def __init__(
        self,
        url: str,
        idempotency_key: str | None = None,
        *,
        repeat_for_s: float,
        needs_server: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._key = idempotency_key
        self._needs_server = needs_server
        self._clock = clock
        self._deadline = clock() + repeat_for_s
        self._bound_s = FIRST_WAIT_S
        self._may_be_done = False

    def wait_s(self, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """Seconds until the next attempt; None if the outcome is a success.

        Raises RequestRefused, OutcomeUnknown.
        """
        if isinstance(outcome, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            raise self._unsendable(outcome)
        at_least_s = 0.0
        if isinstance(outcome, httpx.Response):
            if outcome.is_success:
                return None
            status = outcome.status_code
            if status in _OPEN:
                self._may_be_done = True
            elif status != _TOO_MANY:
                raise self._refused(outcome)
            at_least_s = retry_after_s(outcome.headers.get("retry-after", ""))
        elif not isinstance(outcome, httpx.ConnectError | httpx.ConnectTimeout):
            self._may_be_done = True
        elif self._needs_server and not self._may_be_done:
            raise self._unreachable(outcome)
        pause_s = at_least_s + random.uniform(0, self._bound_s)  # noqa: S311 (spreads load, no secret)
        self._bound_s = min(self._bound_s * 2, LONGEST_WAIT_S)
        if self._clock() + pause_s > self._deadline:
            if isinstance(outcome, httpx.Response):
                raise self._refused(outcome)
            raise self._unreachable(outcome)
        return pause_s

    def _refused(self, response: httpx.Response) -> ApiCallFailed:
        problem = _problem(response)
        reason = problem.get("detail") or problem.get("title")
        if not reason:
            status = f"{response.status_code} {response.reason_phrase}".strip()
            reason = f"{response.url} answered {status}"
        return self._failure()(
            str(reason), response.status_code, problem, idempotency_key=self._key
        )

    def _unreachable(self, error: httpx.TransportError) -> ApiCallFailed:
        reason = str(error) or type(error).__name__
        return self._failure()(
            f"no answer from {self._url}: {reason}; is the server running?",
            idempotency_key=self._key,
        )

    def _unsendable(self, error: httpx.TransportError) -> ApiCallFailed:
        # A protocol error may quote a header, and so the token.
        is_scheme = isinstance(error, httpx.UnsupportedProtocol)
        reason = str(error) if is_scheme else "a header or its body breaks HTTP's rules"
        return self._failure()(
            f"the request to {self._url} can't be sent: {reason}",
            idempotency_key=self._key,
        )

    def _failure(self) -> type[ApiCallFailed]:
        is_open = self._may_be_done and self._key is not None
        return OutcomeUnknown if is_open else RequestRefused


def retry_after_s(text: str) -> float:
    """The seconds that a Retry-After header asks for: a number, or a date; else 0."""
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    try:
        problem = msgspec.json.decode(response.content)
    except UNDECODABLE:
        return {}
    return problem if isinstance(problem, dict) else {}
