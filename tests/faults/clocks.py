"""The kinds of fault of the wall clock, set for a server and its Valkey alone.

Debian's libfaketime answers for the system when they ask what time it is; what
measures how long something takes (the monotonic clock) goes on, as it does when an
administrator or NTP sets the clock.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from tests.faults.fault_kind import BUSY, Kind
from tests.plain_http import PLAIN

if TYPE_CHECKING:
    from tests.faults.system_under_test import SystemUnderTest

HOUR_S = 3600
SHOWN_S = 10.0
"""Within what time the server's answers have to show the new time."""


def library() -> Path:
    """Where libfaketime is. Raises LookupError, saying what to install."""
    for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        return path
    raise LookupError("libfaketime is not there; install it (apt-get install faketime)")


class Clock:
    """The wall clock of all processes that were started with its environment."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to go by this clock."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, offset_s: int) -> None:
        """So far from the true time, within a second."""
        # At once: a process that reads half of it would fall back to the true time.
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}\n")
        new.rename(self._file)


async def forward(system: SystemUnderTest) -> None:
    """An hour on, for six seconds, and then back."""
    await _jump(system, HOUR_S)
    await asyncio.sleep(6)
    await _jump(system, 0)
    await system.received(15)


async def back(system: SystemUnderTest) -> None:
    """An hour back, and it stays so."""
    await _jump(system, -HOUR_S)
    await system.received(15)


async def _jump(system: SystemUnderTest, offset_s: int) -> None:
    assert system.clock is not None
    system.clock.set(offset_s)
    end = time.monotonic() + SHOWN_S * BUSY
    while abs(await _offset_s(system) - offset_s) > 60:
        if time.monotonic() > end:
            system.fault("clock", f"the server does not go by a clock {offset_s:+} s")
            return
        await asyncio.sleep(0.1)
    await system.green(time.monotonic())


async def _offset_s(system: SystemUnderTest) -> float:
    """How far the server's clock is from ours, by the date of an answer."""
    async with httpx.AsyncClient(verify=PLAIN, trust_env=False, timeout=60) as client:
        answer = await client.get(f"{system.server.url}/healthz")
    return parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()


CLOCK_KINDS: tuple[Kind, ...] = (
    Kind(
        name="clock-forward",
        what="the clock of server and Valkey jumps an hour on, and back after 6 s",
        fault=forward,
        clock=True,
    ),
    Kind(
        name="clock-back",
        what="the clock of server and Valkey jumps an hour back",
        fault=back,
        clock=True,
    ),
)

if sys.platform != "linux":  # elsewhere the clock of one process can't be set
    CLOCK_KINDS = ()
