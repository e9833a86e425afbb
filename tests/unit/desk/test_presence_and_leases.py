"""Clients at a desk by name; what the store does with them is in the contract suite."""

from __future__ import annotations

import pytest

from stoppress.desk.caller import Caller
from stoppress.desk.presence_and_leases import (
    EDIT_LEASE_S,
    PRESENCE_S,
    PresenceDesk,
    Touch,
)
from stoppress.domain.errors import Conflict, Invalid, TooMany
from stoppress.domain.store_requests_and_results import Idempotency

pytestmark = pytest.mark.asyncio

ADA = Caller(id="a", name="Ada", kind="session", scopes=("draft",))
BO = Caller(id="b", name="Bo", kind="token", scopes=("draft",))


class Notebook:
    """Writes down what it is asked."""

    def __init__(self, *, does: bool = True) -> None:
        self.asked: list[Touch] = []
        self._does = does

    async def open_desk_log(self, feed: str) -> None:
        """It is open."""

    async def touch_presence(
        self, feed: str, touch: Touch, idempotency: Idempotency | None = None
    ) -> tuple[bool, bytes]:
        """Write it down."""
        self.asked.append(touch)
        return self._does, b"{}"


async def test_a_client_is_its_caller_s_own() -> None:
    """The same name of another person is another client."""
    book = Notebook()
    desk = PresenceDesk(book)
    await desk.here("x", "tab", b'{"on":"p1"}', ADA)
    await desk.here("x", "tab", b"", BO)
    await desk.lease("x", "p1", b'{"client":"tab"}', ADA)
    await desk.release("x", "p1", "tab", ADA)
    first, second, lease, release = book.asked
    assert first.client != second.client
    assert first.client == lease.client == release.client
    assert first.members == '"who":{"id":"a","name":"Ada"},"on":"p1"'
    assert second.members == '"who":{"id":"b","name":"Bo","program":true}'
    assert (first.ttl_s, lease.ttl_s) == (PRESENCE_S, EDIT_LEASE_S)


async def test_a_lease_is_handed_over() -> None:
    """To a client as the line names it."""
    book = Notebook()
    await PresenceDesk(book).lease("x", "p", b'{"client":"t","to":"ab-u"}', ADA)
    assert (book.asked[0].what, book.asked[0].to) == ("give", "ab-u")


async def test_a_full_desk_and_a_free_lease_are_refused() -> None:
    """A desk that is full, and a lease that is free."""
    desk = PresenceDesk(Notebook(does=False))
    with pytest.raises(TooMany):
        await desk.here("x", "t", b"{}", ADA)
    with pytest.raises(Conflict):
        await desk.want("x", "p", b'{"client":"t"}', ADA)


@pytest.mark.parametrize("client", ["", "a b", "x" * 41, 'a"b', "é"])
async def test_an_invalid_client_name_is_refused(client: str) -> None:
    """It would stand in a message as it is."""
    book = Notebook()
    with pytest.raises(Invalid):
        await PresenceDesk(book).here("x", client, b"{}", ADA)
    for raw in (b'{"on":"a b"}', b'{"more":1}'):
        with pytest.raises(Invalid):
            await PresenceDesk(book).here("x", "t", raw, ADA)
    assert book.asked == []
