"""Tickets: signed, for one feed and a while, checked without the store."""

from __future__ import annotations

import pytest

from stoppress.desk.private_feed_read_tickets import (
    MAX_TICKET_S,
    QUERY_MS,
    READ_KEYS_S,
    ROTATE_MS,
    TicketMetrics,
    Tickets,
)
from stoppress.domain.errors import Invalid, Unavailable
from stoppress.domain.timestamps import instant
from tests.memory_store import MemoryStore
from tests.tally import Tally

NOW = 1_795_000_000_000


class Desk:
    """Tickets of several processes over one store, on one clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = MemoryStore()

    def process(self) -> Tickets:
        """One more process."""
        return Tickets(self.store, lambda: self.now, lambda: self.now / 1000)


@pytest.mark.asyncio
async def test_a_ticket_reads_one_feed_until_it_ends() -> None:
    """In the process that issued it, and in any other."""
    desk = Desk()
    given = await desk.process().issue("quay", b'{"ttl_s": 60}')
    assert given.expires_at == instant(NOW + 60_000)
    tickets = desk.process()
    with pytest.raises(LookupError):
        tickets.at_hand(given.ticket)
    caller = await tickets.check(given.ticket)
    assert caller is not None and caller.kind == "ticket"
    assert caller.may("read", "quay") and not caller.may("draft", "quay")
    assert not caller.may("read", "bridge") and not caller.may("read", None)
    assert given.ticket not in repr(caller)
    desk.store.calls.clear()
    assert await tickets.check(given.ticket) == tickets.at_hand(given.ticket)
    assert await tickets.current([caller]) == [caller]
    assert desk.store.calls == []
    desk.now += 60_000
    assert await tickets.check(given.ticket) is None
    assert await tickets.current([caller]) == [None]


@pytest.mark.asyncio
async def test_nothing_of_a_ticket_can_be_changed() -> None:
    """Not its feed, not its times, not its key; and what is no ticket is none."""
    desk = Desk()
    tickets = desk.process()
    given = (await tickets.issue("quay", b"")).ticket
    kid, feed, issued, expires, signature = given[3:].split(".")
    changed = (
        f"st_{kid}.bridge.{issued}.{expires}.{signature}",
        f"st_{kid}.{feed}.{issued}0.{expires}.{signature}",
        f"st_{kid}.{feed}.{issued}.{expires}0.{signature}",
        f"st_{'0' * 24}.{feed}.{issued}.{expires}.{signature}",
        f"st_{kid}.{feed}.{issued}.{expires}.{'A' * 43}",
        f"st_{kid}.{feed}.{issued}.{expires}",
        f"{given}.",
        f"{given}\n",
        "st_",
        "st_" + "9" * 9000,
    )
    for ticket in changed:
        assert tickets.recognises(ticket)
        assert await tickets.check(ticket) is None, ticket
    assert not tickets.recognises("sp_x")
    assert await tickets.check(given) is not None


@pytest.mark.asyncio
async def test_unknown_keys_cost_one_read_per_second() -> None:
    """However many tickets a stranger makes up."""
    desk = Desk()
    tickets = desk.process()
    for number in range(100):
        made_up = f"st_{number:024x}.quay.{NOW}.{NOW + 1000}.{'A' * 43}"
        assert await tickets.check(made_up) is None
    assert desk.store.calls == ["ticket_keys"]
    given = await desk.process().issue("quay", b"")
    assert await tickets.check(given.ticket) is None
    desk.now += int(READ_KEYS_S * 1000)
    assert await tickets.check(given.ticket) is not None


@pytest.mark.asyncio
async def test_keys_are_replaced_while_tickets_go_on() -> None:
    """The former one checks as long as a ticket of it may last."""
    desk = Desk()
    tickets, other = desk.process(), desk.process()
    first = (await tickets.issue("quay", b"")).ticket
    assert len((await other.issue("quay", b"")).ticket.split(".")) == 5
    assert list(desk.store.keys_of_tickets) == [first[3:27]]
    desk.now += ROTATE_MS - 1
    long = (await tickets.issue("quay", b'{"ttl_s": 86400}')).ticket
    desk.now += 1
    second = (await other.issue("quay", b"")).ticket
    assert long[3:27] == first[3:27] != second[3:27]
    assert await other.check(long) and await tickets.check(second)
    desk.now += ROTATE_MS + 2 * MAX_TICKET_S * 1000
    await tickets.issue("quay", b"")
    assert len(desk.store.keys_of_tickets) == 2
    assert first[3:27] not in desk.store.keys_of_tickets


@pytest.mark.asyncio
async def test_an_address_holds_a_ticket_for_a_minute() -> None:
    desk = Desk()
    tickets = desk.process()
    ticket = (await tickets.issue("quay", b"")).ticket
    assert tickets.counts_in_query("sp_any") and not tickets.counts_in_query("st_x")
    desk.now += QUERY_MS
    assert tickets.counts_in_query(ticket)
    desk.now += 1
    assert not tickets.counts_in_query(ticket)
    assert await tickets.check(ticket) is not None


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "raw", [b'{"ttl_s": 0}', b'{"ttl_s": 86401}', b'{"ttl_s": "1"}', b'{"ttl": 1}']
)
async def test_a_wrong_time_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid):
        await Desk().process().issue("quay", raw)


@pytest.mark.asyncio
async def test_without_the_store_known_keys_check() -> None:
    desk = Desk()
    tickets = desk.process()
    ticket = (await tickets.issue("quay", b"")).ticket
    desk.store.away = True
    assert await tickets.check(ticket) is not None
    with pytest.raises(Unavailable):
        await desk.process().check(ticket)


@pytest.mark.asyncio
async def test_the_longest_life_is_a_setting() -> None:
    """For what is asked, for the default, and for what was issued before."""
    desk = Desk()
    long = await desk.process().issue("quay", b'{"ttl_s": 3600}')
    tally = Tally()
    short = Tickets(
        desk.store, lambda: desk.now, most_s=60, metrics=TicketMetrics(tally)
    )
    with pytest.raises(Invalid, match="use 1 to 60"):
        await short.issue("quay", b'{"ttl_s": 61}')
    given = await short.issue("quay", b"")
    assert given.expires_at == instant(NOW + 60_000)
    assert await short.check(given.ticket) is not None
    for ticket in (long.ticket, f"{given.ticket[:-1]}_", "st_x"):
        assert await short.check(ticket) is None
    desk.now += 60_000
    assert await short.check(given.ticket) is None
    short.refuse_in_query()
    refused = [one.label for one in tally.of("stoppress_refused_tickets")]
    assert refused == ["too long", "signature", "malformed", "expired", "too old"]
