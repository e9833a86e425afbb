"""Users of Redis with chosen rights, and every call that needs them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path

from stoppress.desk.caller import Caller
from stoppress.desk.presence_and_leases import Touch
from stoppress.desk.templates_and_post_notes import DeskTextChange
from stoppress.desk.webhooks_and_dead_letters import DeadLetter, Webhook
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.event import EventType, Subject
from stoppress.domain.signed_redis_inbox_entry import InboxEntry, signed_entry
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    TokenUnderKey,
)
from stoppress.log.connect import reach
from stoppress.log.publish_from_redis_inbox import Inbox
from stoppress.log.reader_census import RedisCensus
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.following import Counts, following, up
from tests.contract.store.news import AT, FEED, body, published, withdrawn, write
from tests.contract.store.servers import Server
from tests.contract.store.sinks import Recorder
from tests.waiting import until

DEPLOY = Path(__file__).parents[3] / "docs" / "deploy.md"
LINES = re.findall(r"^ACL SETUSER .*$", DEPLOY.read_text(), re.MULTILINE)
PASSWORD = "p/a#s?s@w:o%rd é"
ENCODED = "p%2Fa%23s%3Fs%40w%3Ao%25rd%20%C3%A9"
ON = ("on", f">{PASSWORD}")


def documented(line: str) -> list[str]:
    """The command of a line of the docs, with a password that is odd."""
    return [
        f">{PASSWORD}" if word == ">PASSWORD" else word for word in line.split(" ")[1:]
    ]


def allow(server: Server, *rules: str, user: str = "stoppress") -> None:
    """Give rights to the user."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", user, *rules)


def address(server: Server, database: int = 0) -> str:
    """Its address, for the user."""
    return f"unix://stoppress:{ENCODED}@{server.socket}?db={database}"


@asynccontextmanager
async def connected(url: str, settings: Settings) -> AsyncIterator[Shards]:
    """Links, closed at the end."""
    shards = await reach(url, settings)
    try:
        yield shards
    finally:
        await shards.aclose()


async def everything(shards: Shards, settings: Settings) -> None:
    """Call whatever the product calls."""
    store = RedisStore(shards, settings)
    key = Idempotency("t", "k", "f")
    async with following(shards, store, Counts()) as follower:
        assert await store.claim("x", key)
        await store.release(key)
        await store.make_feed("x", FEED, AT, key)
        sink = Recorder()
        await follower.open("x", sink)
        await up(follower)
        asked = write(published("p", external_id="e"), pins=("", "p"), key="k")
        done = await store.write(asked)
        await sink.at(done.cursor)
        assert (await store.write(asked)).repeated
        idem = asked.idempotency
        assert idem and await store.recall("x", idem) is not None
        assert (await store.window("x")).cursor == await store.confirm("x")
        await store.since("x", 0)
        assert await store.post("x", "p") == body("p")
        assert await store.page("x", None, 5)
        await store.page("x", None, 5, rising=True)
        await store.snapshot("x", 5)
        await store.renew("x", done.cursor)
        assert len(await store.feeds()) == 1
        token = TokenUnderKey("s", "e")
        assert await store.make_token(token, b"r", key) == token
        assert await store.recall_token(key) == token
        await store.drop_token("e")
        await store.put_token("d", b"r")
        assert await store.token("d") == b"r"
        assert await store.token_records(["d"]) == [b"r"]
        await store.tokens()
        await store.put_token_uses({"d": 1})
        assert await store.token_uses() == {"d": 1}
        await store.drop_token("d")
        await store.write(write(withdrawn("p", 1), pins=("p", "")))
        await store.withdrawn("x", "", 5)
        await RedisCensus(shards).count({"x": 1}, 5.0)
        await _draft(store)
        await _take_in(shards)
        await store.drop_feed("x", None, None)
        await sink.until(lambda: sink.ended)


async def _draft(store: RedisStore) -> None:
    """One is scheduled and published."""
    await store.open_desk_log("x")
    log, subject = desk_log_of("x"), Subject.draft("d")
    kept = Change(EventType.DRAFT_CREATED, subject, 0, 1, body("d"), AT)
    await store.write(write(kept, feed=log))
    await store.schedule("x", "d", AT)
    due = (await store.due_drafts(5)).drafts
    leaves = Change(EventType.DRAFT_PUBLISHED, subject, 1, 2, b"")
    await store.publish_draft(write(published("d")), leaves)
    assert await store.published_draft(log, "d")
    await store.unschedule(due)
    await store.touch_presence("x", Touch("here", "c", 30, '"who":{}'))
    for feed, name, what in (("", "t", "template.put"), ("x", "notes d", "post.noted")):
        text = DeskTextChange(feed, name, b"{}", 5, what, name, "d" if feed else "")
        assert await store.change_desk_text(text) is None
        assert await store.desk_text(feed, name) == b"{}"
        assert await store.desk_texts(feed) == [b"{}"]
    hook, key = Webhook("h", "https://a.example", "s", "a"), Idempotency("t", "h", "f")
    assert await store.add_webhook("x", hook, key) == hook
    assert await store.recall_webhook("x", key) == hook
    assert await store.hold_webhook("x", "h", "me", 5)
    await store.put_webhook_cursor("x", "h", await store.webhook_cursor("x", "h"))
    await store.add_dead_letter("x", "h", DeadLetter("e-1", "t", "r", 1))
    assert await store.dead_letters("x", 5) and await store.webhook_feeds()
    await store.forget_webhook_feeds(["x"], 0)
    assert await store.queue_resends("x", "h", ["h.e-1", "h.e-2"]) == 2
    assert await store.resends("x", "h")
    await store.drop_dead_letter("x", "h.e-1")
    assert await store.drop_webhook("x", "h")


async def _take_in(shards: Shards) -> None:
    """One entry is published, one is refused."""
    came: list[str] = []

    async def check(entry: InboxEntry) -> Caller:
        return Caller(id="t", name="t", kind="token", scopes=("publish",))

    async def publish(caller: Caller, entry: InboxEntry) -> None:
        came.append(entry.feed)

    signed = signed_entry("sp_t", "y", "{}", time.time_ns() // 1_000_000)
    inbox = asyncio.create_task(Inbox(shards, check, publish).run())
    link = shards.of("stoppress:inbox")
    try:
        for fields in (("feed", "y"), chain(*signed.items())):
            async with link.borrow() as redis:
                await redis.one("XADD", "stoppress:inbox", "*", *fields)
        await until(lambda: bool(came))
    finally:
        inbox.cancel()
        await asyncio.gather(inbox, return_exceptions=True)


def everything_kept(server: Server) -> dict[bytes, bytes]:
    """Every key's value."""
    with server.client() as client:
        return {key: client.dump(key) or b"" for key in client.scan_iter()}
