"""Presence and leases in the store: what ends, what is told, who holds what."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from stoppress.desk.presence import MAX_PRESENT, Touch
from stoppress.domain.cursor import Cursor
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.log.follower import Follower
from stoppress.log.store import RedisStore
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.waiting import until

pytestmark = pytest.mark.asyncio

ADA, BO = '"who":{"id":"a"}', '"who":{"id":"b"}'


async def touch(
    store: RedisStore, what: str, client: str = "", **more: Any
) -> tuple[bool, dict[str, Any]]:
    """What was done, and what counts then."""
    members = ADA if client.startswith("a") else BO
    asked = Touch(what, client, **{"members": members, **more})
    done, notice = await store.touch_presence("x", asked)
    return done, msgspec.json.decode(notice)


async def test_a_client_is_here_until_it_ends(
    store: RedisStore, cursor: Cursor
) -> None:
    """By the store's clock; renewing keeps it."""
    await store.open_desk_log("x")
    await touch(store, "here", "a1")
    _, shown = await touch(store, "here", "b1")
    assert [one["client"] for one in shown["people"]] == ["a1", "b1"]
    assert shown["people"][1]["who"] == {"id": "b"}
    assert 0 < shown["people"][1]["ttl_s"] <= 60
    await touch(store, "here", "a1", ttl_s=1)

    async def is_alone() -> bool:
        _, shown = await touch(store, "read")
        return [one["client"] for one in shown["people"]] == ["b1"]

    await until(is_alone)
    await touch(store, "leave", "b1")
    _, shown = await touch(store, "read")
    assert shown == {"type": "presence", "desk": "x", "people": [], "leases": []}


async def test_a_lease_is_one_client_s(store: RedisStore, cursor: Cursor) -> None:
    """Asked for, handed over, let go, and free when it ends."""
    await store.open_desk_log("x")
    await touch(store, "here", "a1")
    await touch(store, "here", "b1")
    assert (await touch(store, "lease", "a1", subject="p"))[0]
    is_held, shown = await touch(store, "lease", "b1", subject="p")
    assert not is_held
    assert shown["leases"][0]["client"] == "a1"
    assert not (await touch(store, "want", "a1", subject="p"))[0]
    _, shown = await touch(store, "want", "b1", subject="p")
    assert shown["leases"][0]["wanted_by"] == {"client": "b1", "who": {"id": "b"}}
    assert not (await touch(store, "give", "a1", subject="p", to="nobody"))[0]
    assert not (await touch(store, "give", "b1", subject="p", to="b1"))[0]
    _, shown = await touch(store, "give", "a1", subject="p", to="b1")
    (lease,) = shown["leases"]
    assert (lease["client"], lease["who"]) == ("b1", {"id": "b"})
    assert "wanted_by" not in lease
    assert not (await touch(store, "release", "a1", subject="p"))[0]
    _, shown = await touch(store, "release", "b1", subject="p")
    assert shown["leases"] == []
    await touch(store, "lease", "a1", subject="q", ttl_s=1)
    await asyncio.sleep(1.1)
    assert (await touch(store, "lease", "b1", subject="q"))[0]
    _, shown = await touch(store, "leave", "b1")
    assert shown["leases"] == []


async def test_a_change_is_told_and_a_renewal_is_not(
    store: RedisStore, follower: Follower, cursor: Cursor
) -> None:
    """On the desk log's channel; no event, and no cursor moves."""
    sink = Recorder()
    await follower.open(desk_log_of("x"), sink)
    was = sink.cursor
    for _ in range(3):
        await touch(store, "here", "a1")
    await touch(store, "lease", "a1", subject="p")
    await sink.until(lambda: len(sink.notices) == 2)
    await touch(store, "leave", "a1")
    await sink.until(lambda: len(sink.notices) == 3)
    told = [msgspec.json.decode(one) for one in sink.notices]
    assert [len(one["people"]) for one in told] == [1, 1, 0]
    assert [len(one["leases"]) for one in told] == [0, 1, 0]
    assert (sink.cursor, sink.events) == (was, [])


async def test_a_forged_notice_is_a_bell(
    store: RedisStore, follower: Follower, cursor: Cursor, server: Server
) -> None:
    """Nobody is shown what no script said."""
    sink = Recorder()
    await follower.open(desk_log_of("x"), sink)
    with server.client() as client:
        for mark in ("", "0" * 40):
            client.execute_command(
                "SPUBLISH", "stoppress:{x}:desk:line", f"notice {mark}\n{{}}"
            )
    await touch(store, "here", "a1")
    await sink.until(lambda: len(sink.notices) == 1)
    assert b"a1" in sink.notices[0]


async def test_there_is_a_bound(store: RedisStore, cursor: Cursor) -> None:
    """The one too many is refused, and those who are there renew."""
    await store.open_desk_log("x")
    for n in range(MAX_PRESENT):
        assert (await touch(store, "here", f"a{n}"))[0]
    assert not (await touch(store, "here", "b1"))[0]
    assert (await touch(store, "here", "a0"))[0]


async def test_all_of_it_ends_by_itself(
    store: RedisStore, cursor: Cursor, server: Server
) -> None:
    """Also where nobody comes again."""
    await store.open_desk_log("x")
    await touch(store, "here", "a1", ttl_s=30)
    with server.client() as client:
        assert 0 < client.ttl("stoppress:{x}:desk:presence") <= 60
