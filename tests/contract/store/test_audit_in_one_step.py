"""No change without its audit entry: both are one step of the store.

A process that is killed between two steps leaves the first one alone. So there are no
two: each script asks for the right to add the entry before it writes anything, and what
a command changes beside a script needs no entry.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from stoppress.desk.webhooks_and_dead_letters import DeadLetter, Webhook
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import NotPermitted
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    TokenUnderKey,
)
from stoppress.log import redis_user_rights
from stoppress.log.erase_post_in_all_processes import PostErasure
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from stoppress.log.upload_records_and_used_pictures import UploadRecords
from stoppress.settings import Settings
from tests.contract.store.news import AT, FEED, body, published, withdrawn, write
from tests.contract.store.redis_users import (
    ON,
    address,
    allow,
    connected,
    everything_kept,
)
from tests.contract.store.servers import Server

pytestmark = pytest.mark.asyncio

HOOK = Webhook("h", "https://hooks.example.com/", "whsec_c2VjcmV0", "a")
OTHER = Webhook("i", HOOK.url, HOOK.secret, "b")
KEY = Idempotency("me", "k", "f1")
LOG = desk_log_of("x")
DRAFT = Change(EventType.DRAFT_CREATED, Subject.draft("d"), 0, 1, body("d"), AT)
LEFT = Change(EventType.DRAFT_PUBLISHED, Subject.draft("d"), 1, 2, b"")

Act = Callable[[RedisStore, Shards], Awaitable[object]]
ACTS: dict[str, Act] = {
    "feed.created": lambda store, _: store.make_feed("y", FEED, AT, None),
    "feed.deleted": lambda store, _: store.drop_feed("x", None, None),
    "post.published": lambda store, _: store.write(write(published("q"))),
    "post.withdrawn": lambda store, _: store.write(write(withdrawn("p", 1))),
    "post.taken_down": lambda store, shards: PostErasure(shards, store.audit).erase(
        "x", "w", b"{}"
    ),
    "draft.deleted": lambda store, _: store.write(
        write(LEFT._replace(type=EventType.DRAFT_DELETED), feed=LOG)
    ),
    "post.published from a draft": lambda store, _: store.publish_draft(
        write(published("d")), LEFT
    ),
    "token.created": lambda store, _: store.put_token("n", b"r"),
    "token.created under a key": lambda store, _: store.make_token(
        TokenUnderKey("s", "n"), b"r", KEY
    ),
    "token.revoked": lambda store, _: store.drop_token("d"),
    "webhook.created": lambda store, _: store.add_webhook("x", OTHER),
    "webhook.deleted": lambda store, _: store.drop_webhook("x", "h"),
    "webhook.resend_requested": lambda store, _: store.queue_resends(
        "x", "h", ["h.e-1"]
    ),
    "settings.changed": lambda store, _: store.audit.started_with({"port": "2"}),
    "picture.uploaded": lambda store, shards: UploadRecords(
        shards, store.audit, 60
    ).note_upload("x", "a0000000000000000-9x9.jpg", None),
}
"""Each kind of change that has an entry, but sessions: their entries come first."""


async def newsroom(store: RedisStore) -> None:
    """Make what the acts change."""
    await store.make_feed("x", FEED, AT, None)
    await store.write(write(published("p")))
    await store.write(write(published("w")))
    await store.write(write(withdrawn("w", 1)))
    await store.open_desk_log("x")
    await store.write(write(DRAFT, feed=LOG))
    await store.put_token("d", b"r")
    await store.add_webhook("x", HOOK)
    await store.add_dead_letter("x", "h", DeadLetter("e-1", "t", "r", 1))
    await store.audit.started_with({"port": "1"})


@pytest.mark.parametrize("name", ACTS)
async def test_a_change_that_cannot_be_audited_is_refused(
    server: Server, settings: Settings, name: str
) -> None:
    """Nothing changes; once the right is back, change and entry are written."""
    what = name.split(" ")[0]
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    async with connected(address(server), settings) as shards:
        store = RedisStore(shards, settings)
        await newsroom(store)
        before = everything_kept(server)
        reported = [
            entry.what for _, entry in (await store.audit.page(None, "", 99))[0]
        ]
        allow(server, "-xadd")
        with pytest.raises(NotPermitted, match=r"\+xadd on stoppress:"):
            await ACTS[name](store, shards)
        assert changed(before, everything_kept(server)) <= INDEXES
        allow(server, "+xadd")
        await ACTS[name](store, shards)
        assert changed(before, everything_kept(server)) - INDEXES
        page = await store.audit.page(None, "", 99)
        now = [entry.what for _, entry in page.entries]
        assert sorted(now) == sorted([*reported, what])


@pytest.mark.parametrize("name", ACTS)
async def test_the_change_and_its_audit_entry_are_one_command(
    server: Server, settings: Settings, name: str
) -> None:
    """One script writes both."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    async with connected(address(server), settings) as shards:
        store = RedisStore(shards, settings)
        await newsroom(store)
        with server.client() as watcher, watcher.monitor() as monitor:
            await ACTS[name](store, shards)
            with server.client() as client:
                client.echo("the end")
            scripts: list[set[str]] = []
            while not (one := monitor.next_command())["command"].startswith("ECHO the"):
                command = one["command"].split(" ")
                key = command[1] if len(command) > 1 else ""
                if command[0].upper() in ("EVAL", "EVALSHA"):
                    scripts.append(set())
                elif command[0].upper() not in WRITING:
                    continue
                elif one["client_type"] == "lua":
                    scripts[-1].add(command[0].upper())
                else:
                    assert key.encode() in INDEXES, command
        writing = [script for script in scripts if script]
        assert len(writing) == 1 and "XADD" in writing[0]
        assert len(writing[0] - {"XTRIM", "EXPIRE"}) > (name == "picture.uploaded") - 1


WRITING = {"SET", "DEL", "UNLINK", "HSET", "HDEL", "ZADD", "ZREM", "XADD", "XTRIM"}
WRITING |= {"EXPIRE", "PERSIST", "INCR", "HINCRBY", "SPUBLISH"}
INDEXES = {
    b"stoppress:feeds",
    b"stoppress:webhooks",
    b"stoppress:audit:feeds",
    b"stoppress:tokens:uses",
    b"stoppress:{x}:webhooks:resends",
}
"""Written beside the scripts: what they list is checked when it is read."""


def changed(before: dict[bytes, bytes], after: dict[bytes, bytes]) -> set[bytes]:
    """The keys with another value."""
    names = before.keys() | after.keys()
    return {name for name in names if before.get(name) != after.get(name)}
