"""A bell: who waits hears the next time it rings."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.hub.bell import Bell

pytestmark = pytest.mark.asyncio


async def test_all_waiters_wake_once() -> None:
    """A waiter that waits again waits for the next ring."""
    bell, received = Bell(), 0

    async def listen() -> None:
        nonlocal received
        await bell.wait()
        received += 1

    waiting = [asyncio.create_task(listen()) for _ in range(3)]
    await asyncio.sleep(0)
    assert bell.is_awaited and received == 0
    bell.ring()
    await asyncio.gather(*waiting)
    assert received == 3 and not bell.is_awaited
    again = asyncio.create_task(listen())
    await asyncio.sleep(0)
    assert not again.done()
    bell.ring()
    await again


async def test_a_cancelled_wait_does_not_cancel_others() -> None:
    """They share one future."""
    bell = Bell()
    stays, leaves = (asyncio.create_task(bell.wait()) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    bell.ring()
    await stays


async def test_a_ring_without_waiters_is_lost() -> None:
    """A later waiter does not wake from it."""
    bell = Bell()
    bell.ring()
    late = asyncio.create_task(bell.wait())
    await asyncio.sleep(0)
    assert not late.done()
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
