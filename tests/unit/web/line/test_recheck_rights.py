"""The rights of open lines: shared by credential, read again, renewed."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any, cast

import pytest

from stoppress.desk.caller import Caller, CallerKind
from stoppress.domain.errors import Unavailable
from stoppress.hub.feed_status_and_access import ANYONE, ReadRights, rights_for
from stoppress.web.line.recheck_rights import EXPIRING_MS, LineRights, RenewedRights

NOW = 1_795_000_000_000


def caller(name: str, kind: CallerKind = "token", **more: Any) -> Caller:
    """A caller that reads."""
    given = {"scopes": ("read",), "credential": name, **more}
    return Caller(id=name, name=name, kind=kind, **given)


def ticket_of(feed: str, left_ms: int = 60_000) -> Caller:
    """A ticket that ends in a while."""
    ends = NOW + left_ms
    return caller(f"{feed} {ends}", "ticket", feeds=(feed,), expires_at=ends)


class Line:
    """The callers and the hub, as the rights use them."""

    def __init__(self) -> None:
        self.revoked: set[str] = set()
        self.less: dict[str, Caller] = {}
        self.away = False
        self.asked: list[list[str]] = []
        self.changes = 0
        self.reported: list[tuple[str, ReadRights, int]] = []
        self.tickets: dict[str, Caller] = {}

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """As Callers.current."""
        self.asked.append([one.id for one in callers])
        if self.away:
            raise Unavailable("away")
        return [
            None if one.id in self.revoked else self.less.get(one.id, one)
            for one in callers
        ]

    def at_hand(self, secret: str) -> Caller:
        """As Callers.at_hand."""
        return self.tickets[secret]

    def rights_changed(self) -> None:
        """As Hub.rights_changed."""
        self.changes += 1

    def tell_expiring(self, feed: str, rights: ReadRights, seconds: int) -> None:
        """As Hub.tell_expiring."""
        self.reported.append((feed, rights, seconds))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def rights(line: Line) -> LineRights:
    return LineRights(cast(Any, line), cast(Any, line), lambda: NOW)


@pytest.mark.asyncio
async def test_connections_of_one_credential_share_one_check(
    line: Line, rights: LineRights
) -> None:
    """Credentials of no connection are not checked."""
    assert rights.of(None) is ANYONE
    one, same = rights.of(caller("a")), rights.of(caller("a"))
    other = rights.of(caller("b"))
    assert one is same and one is not other
    await rights.recheck()
    assert line.asked == [["a", "b"]] and line.changes == 0
    del other
    gc.collect()
    await rights.recheck()
    assert line.asked[1:] == [["a"]]
    del one, same
    gc.collect()
    await rights.recheck()
    assert len(line.asked) == 2


@pytest.mark.asyncio
async def test_a_revoked_credential_reads_nothing(
    line: Line, rights: LineRights
) -> None:
    gone, less, same = (rights.of(caller(name)) for name in ("a", "b", "c"))
    line.revoked.add("a")
    line.less["b"] = caller("b", feeds=("quay",))
    await rights.recheck()
    assert line.changes == 1
    assert gone.is_over("quay") and not gone.may_read("quay")
    assert less.may_read("quay") and not less.may_read("bridge")
    assert not less.is_over("bridge") and not less.may_know("bridge")
    assert same.may_read("bridge")
    await rights.recheck()
    assert line.changes == 1


@pytest.mark.asyncio
async def test_without_the_store_only_expiry_ends_a_connection(
    line: Line, rights: LineRights
) -> None:
    kept, over = rights.of(caller("a")), rights.of(caller("b", expires_at=NOW))
    line.away = True
    line.revoked.add("a")
    await rights.recheck()
    assert kept.may_read("quay") and over.is_over("quay") and line.changes == 1


@pytest.mark.asyncio
async def test_readers_of_a_ticket_are_warned_once(
    line: Line, rights: LineRights
) -> None:
    soon = rights.of(ticket_of("quay", 29_900))
    later = rights.of(ticket_of("bridge", EXPIRING_MS + 1))
    await rights.recheck()
    await rights.recheck()
    assert line.reported == [("quay", soon, 30)] and later.may_read("bridge")


def test_another_ticket_renews_a_connection(line: Line, rights: LineRights) -> None:
    """For its feed; a connection may have several, beside its first one."""
    line.tickets = {"q": ticket_of("quay", 90_000), "b": ticket_of("bridge")}
    line.tickets["token"] = caller("a")
    first = rights.of(ticket_of("quay"))
    assert rights.renewed(first, "quay", "no") is None
    assert rights.renewed(first, "quay", "b") is None
    assert rights.renewed(first, "quay", "token") is None
    renewed = rights.renewed(first, "quay", "q")
    assert renewed is rights.of(line.tickets["q"]) is not first
    assert rights.renewed(ANYONE, "quay", "q") is renewed
    both = rights.renewed(first, "bridge", "b")
    assert isinstance(both, RenewedRights)
    assert both.may_read("quay") and both.may_know("bridge")
    assert not both.may_read("vote") and not both.is_over("bridge")
    assert rights_for(both, "quay") is first
    again = rights.renewed(both, "quay", "q")
    assert again is not None and rights_for(again, "quay") is renewed
    assert rights_for(again, "bridge") is rights_for(both, "bridge")
    assert rights_for(first, "quay") is first
