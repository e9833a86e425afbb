"""The waits of the tests."""

from __future__ import annotations

import pytest

from tests.waiting import until, until_in_thread, wait_until


class Later:
    """So when it is asked for the third time."""

    def __init__(self) -> None:
        self.asked = 0

    def is_so(self) -> bool:
        """It was asked three times."""
        self.asked += 1
        return self.asked == 3

    async def is_so_later(self) -> bool:
        return self.is_so()


def never() -> bool:
    """It comes."""
    return False


def test_it_returns_when_it_is_so() -> None:
    """And asks no more."""
    later = Later()
    wait_until(later.is_so)
    assert later.asked == 3


@pytest.mark.asyncio
async def test_in_a_loop_too() -> None:
    """Also if the answer is awaited, or is found in another thread."""
    for later, wait in (
        (one := Later(), until(one.is_so)),
        (two := Later(), until(two.is_so_later)),
        (three := Later(), until_in_thread(three.is_so)),
    ):
        await wait
        assert later.asked == 3


@pytest.mark.asyncio
async def test_what_never_comes_is_told() -> None:
    """With what it was; an awaitable that says no is no yes."""
    with pytest.raises(TimeoutError, match="not so after 0 s: It comes"):
        wait_until(never, 0.01)
    with pytest.raises(TimeoutError):
        await until(Later().is_so_later, -1)
