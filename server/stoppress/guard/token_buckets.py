"""Rates with bursts, by key: one token bucket each, kept as one number (GCRA).

Rules:
- The state of a key is the time at which its bucket would be full again, so a full
  bucket needs no memory.
- Two generations of keys bound the memory: once one has GENERATION_KEYS, the previous
  one is dropped. A key in use stays; under a flood of new keys an idle key gets its
  burst again.
- Nothing here awaits: a call takes half a microsecond.
"""

from __future__ import annotations

import time
from collections.abc import Callable

GENERATION_KEYS = 8192
"""Keys of a generation: two of them take 3 MB."""


class TokenBuckets:
    """Buckets that fill by `rate_per_s` and hold `burst_s` seconds' worth.

    A rate of 0 is no limit. `is_shared`: what is taken is collected for other
    processes (`collect`, `learn`).
    """

    def __init__(
        self,
        rate_per_s: float,
        burst_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        is_shared: bool = False,
    ) -> None:
        self._rate = rate_per_s
        self._step_s = 1 / rate_per_s if rate_per_s else 0.0
        self.burst_s = burst_s
        self._clock = clock
        self._is_shared = is_shared
        self._young: dict[str, float] = {}
        self._old: dict[str, float] = {}
        self._taken_s: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def take(self, key: str, cost: float = 1.0) -> float:
        """Take `cost` tokens; returns 0.0, or the seconds until there are enough.

        A cost above the whole burst is granted once the bucket is full.
        """
        if not self._step_s:
            return 0.0
        now = self._clock()
        full_at = self._full_at(key)
        begin = full_at if full_at > now else now
        more_s = cost * self._step_s
        wait_s = begin + min(more_s, self.burst_s) - now - self.burst_s
        if wait_s > 1e-9:
            return wait_s
        self._keep(key, begin + more_s)
        if self._is_shared:
            self._taken_s[key] = self._taken_s.get(key, 0.0) + more_s
        return 0.0

    def wait_s(self, key: str) -> float:
        """The seconds until the bucket has a token. Takes none."""
        if not self._step_s:
            return 0.0
        wait_s = self._full_at(key) + self._step_s - self._clock() - self.burst_s
        return max(wait_s, 0.0) if wait_s > 1e-9 else 0.0

    def charge(self, key: str, cost: float) -> None:
        """Take tokens after the fact; the bucket may go below zero."""
        if self._step_s:
            now = self._clock()
            self._keep(key, max(self._full_at(key), now) + cost * self._step_s)

    def collect(self, most: int) -> dict[str, float]:
        """What was taken since the last call, in seconds of filling: `most` keys."""
        taken = self._taken_s
        if len(taken) <= most:
            self._taken_s = {}
            return taken
        return {key: taken.pop(key) for key in list(taken)[:most]}

    def learn(self, key: str, full_in_s: float) -> None:
        """Apply the state of all processes: the bucket is full in `full_in_s`."""
        full_at = self._clock() + full_in_s
        if full_at > self._full_at(key):
            self._keep(key, full_at)

    def _full_at(self, key: str) -> float:
        full_at = self._young.get(key)
        return self._old.get(key, 0.0) if full_at is None else full_at

    def _keep(self, key: str, full_at: float) -> None:
        young = self._young
        young[key] = full_at
        if len(young) >= GENERATION_KEYS:
            self._old, self._young = young, {}
