"""Counts every refusal and logs it, at a bounded rate per reason.

Rules:
- One line per refusal: reason, request id, client, method, path without its query.
- A flood does not fill the disk: after BURST_LINES lines of one reason, LINES_PER_S
  follow, each with the number of lines left out (`suppressed`). The metric counts all.
- Reasons are words of this program, never text of the caller.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from stoppress.metric_instruments import NO_METER, Meter

LINES_PER_S = 1.0
"""Lines per second of one reason: 35 MB per day."""
BURST_LINES = 20
MAX_PATH = 200
"""Characters of a path in a line."""

log = logging.getLogger("stoppress.refused")


class _Reason:
    """The state of one reason: lines that may follow now, and lines left out."""

    __slots__ = ("filled_at", "lines", "suppressed")

    def __init__(self, now: float) -> None:
        self.lines = float(BURST_LINES)
        self.filled_at = now
        self.suppressed = 0

    def may_log(self, now: float) -> bool:
        more = (now - self.filled_at) * LINES_PER_S
        self.lines, self.filled_at = min(float(BURST_LINES), self.lines + more), now
        if self.lines < 1:
            return False
        self.lines -= 1
        return True


class RefusalMetrics:
    """The metrics of refusals."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.refused = meter.counters(
            "stoppress_refusals",
            "Requests and handshakes refused, by reason.",
            "reason",
        )


class RefusalLog:
    """The refusals of one process."""

    def __init__(
        self,
        metrics: RefusalMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refused = (metrics or RefusalMetrics()).refused
        self._clock = clock
        self._reasons: dict[str, _Reason] = {}

    def add(
        self,
        reason: str,
        request_id: str,
        *,
        status: int = 0,
        client: str = "",
        method: str = "",
        path: str = "",
        caller: str = "",
        detail: str = "",
    ) -> None:
        """Count one refusal, and log it unless its reason has many lines already."""
        self._refused[reason].add()
        now = self._clock()
        state = self._reasons.get(reason)
        if state is None:
            state = self._reasons[reason] = _Reason(now)
        if not state.may_log(now):
            state.suppressed += 1
            return
        fields = {
            "reason": reason,
            "request_id": request_id,
            "status": status,
            "client": client,
            "method": method,
            "path": path[:MAX_PATH],
            "caller": caller,
            "detail": detail,
            "suppressed": state.suppressed,
        }
        state.suppressed = 0
        said = {name: value for name, value in fields.items() if value}
        log.info("refused", extra={"fields": said})

    def flush(self) -> None:
        """Log how many lines were left out; called about once per second."""
        now = self._clock()
        for reason, state in self._reasons.items():
            if state.suppressed and state.may_log(now):
                said = {"reason": reason, "suppressed": state.suppressed}
                state.suppressed = 0
                log.info("refused", extra={"fields": said})
