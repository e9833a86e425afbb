"""Waiting until something is so, for what nobody tells by itself.

The one place where tests poll: they ask often, give up after a bound that decides no
result, and say what never came. A sleep in a test is there only where the time itself
is what is tested, or is the load.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

WITHIN_S = 120.0
"""Longer than anything takes on a busy machine: a longer wait fails."""
FIRST_S, MOST_S = 0.001, 0.05
"""Between two questions: what comes soon is seen soon, and asking costs little."""


def wait_until(is_so: Callable[[], object], within_s: float = WITHIN_S) -> None:
    """Ask until it is so. Raises TimeoutError if it never is."""
    deadline, pause_s = time.monotonic() + within_s, FIRST_S
    while not is_so():
        if time.monotonic() > deadline:
            raise _never(is_so, within_s)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, MOST_S)


async def until(
    is_so: Callable[[], object | Awaitable[object]], within_s: float = WITHIN_S
) -> None:
    """The same in a loop, which goes on meanwhile; what is asked may be awaited."""
    deadline, pause_s = time.monotonic() + within_s, FIRST_S
    while True:
        answer = is_so()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return
        if time.monotonic() > deadline:
            raise _never(is_so, within_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MOST_S)


async def until_in_thread(
    is_so: Callable[[], object], within_s: float = WITHIN_S
) -> None:
    """The same, asked in another thread, as asking may take a while."""
    await until(lambda: asyncio.to_thread(is_so), within_s)


def _never(is_so: Callable[..., object], within_s: float) -> TimeoutError:
    return TimeoutError(f"not so after {within_s:.0f} s: {is_so.__doc__ or is_so}")
