"""Presence and leases in the store: what ends, what is told, who holds what."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from stoppress.desk.presence_and_leases import MAX_PRESENT, Touch
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


async def test_a_client_is_present_until_its_lease_ends(
    store: RedisStore, cursor: Cursor
) -> None:
    """By the store's clock; renewing extends it."""
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


async def test_one_client_holds_a_lease(store: RedisStore, cursor: Cursor) -> None:
    """Acquired, handed over, released, and free when it expires."""
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


async def test_a_change_is_published_and_a_renewal_is_not(
    store: RedisStore, follower: Follower, cursor: Cursor
) -> None:
    """On the desk log's channel; not as an event, and no cursor moves."""
    sink = Recorder()
    await follower.open(desk_log_of("x"), sink)
    was = sink.cursor
    for _ in range(3):
        await touch(store, "here", "a1")
    await touch(store, "lease", "a1", subject="p")
    await sink.until(lambda: len(sink.notices) == 2)
    await touch(store, "leave", "a1")
    await sink.until(lambda: len(sink.notices) == 3)
    reported = [msgspec.json.decode(one) for one in sink.notices]
    assert [len(one["people"]) for one in reported] == [1, 1, 0]
    assert [len(one["leases"]) for one in reported] == [0, 1, 0]
    assert (sink.cursor, sink.events) == (was, [])


async def test_a_forged_notice_only_causes_a_read(
    store: RedisStore, follower: Follower, cursor: Cursor, server: Server
) -> None:
    """A notice that no script sent is never shown."""
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


async def test_clients_per_feed_are_limited(store: RedisStore, cursor: Cursor) -> None:
    """One more is refused, and those present may renew."""
    await store.open_desk_log("x")
    for n in range(MAX_PRESENT):
        assert (await touch(store, "here", f"a{n}"))[0]
    assert not (await touch(store, "here", "b1"))[0]
    assert (await touch(store, "here", "a0"))[0]


async def test_presence_expires_by_itself(
    store: RedisStore, cursor: Cursor, server: Server
) -> None:
    """Also if no client comes again."""
    await store.open_desk_log("x")
    await touch(store, "here", "a1", ttl_s=30)
    with server.client() as client:
        assert 0 < client.ttl("stoppress:{x}:desk:presence") <= 60
