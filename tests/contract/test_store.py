"""The store keeps what `desk.store` promises, in Valkey and in Redis alike."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from stoppress.desk.store import Store, TokenStore
from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    Invalid,
    KeyReused,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
    Unavailable,
)
from stoppress.domain.event import Event, EventType
from stoppress.domain.record import Idempotency, Mark, Withdrawn
from stoppress.log.link import Link
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.news import (
    AT,
    FEED,
    body,
    feed_updated,
    published,
    updated,
    withdrawn,
    write,
)
from tests.contract.servers import Server

pytestmark = pytest.mark.asyncio


async def made(store: RedisStore) -> Cursor:
    """The cursor of the feed x, just made."""
    return (await store.make_feed("x", FEED, AT, None)).cursor


async def test_is_what_the_desk_needs(store: RedisStore) -> None:
    """The ports of the desk are met (mypy reads this)."""
    desk: Store = store
    tokens: TokenStore = store
    assert (desk, tokens) == (store, store)


async def test_makes_a_feed_at_seq_0(store: RedisStore) -> None:
    """A new feed has an epoch of its own, and nothing in its log."""
    cursor = await made(store)
    assert cursor.seq == 0
    kept = await store.feed("x")
    assert kept == (FEED, 1, cursor, "")
    assert await store.feeds() == [FEED]
    with pytest.raises(SlugTaken):
        await store.make_feed("x", b"other", AT, None)
    assert await store.feeds() == [FEED]


async def test_a_feed_made_twice_under_one_key_is_made_once(store: RedisStore) -> None:
    """The second answer is the first one's."""
    key = Idempotency("token-1", "k", "f")
    first = await store.make_feed("x", FEED, AT, key)
    again = await store.make_feed("x", FEED, AT, key)
    assert again == first._replace(repeated=True)
    with pytest.raises(KeyReused):
        await store.make_feed("x", FEED, AT, key._replace(fingerprint="g"))
    assert await store.feeds() == [FEED]


async def test_tells_what_is_left_of_withdrawn_posts(store: RedisStore) -> None:
    """Each with its rev and the external id it holds, also one never shown here."""
    await made(store)
    for name, external in (("a", None), ("b", "wire-b"), ("c", None)):
        await store.write(write(published(name, external_id=external)))
    for name in ("a", "b"):
        await store.write(write(withdrawn(name, 1)))
    never = withdrawn("d", 0)._replace(rev=4, external_id="wire-d")
    await store.write(write(never))
    found: dict[str, Withdrawn] = {}
    mark: str | None = ""
    while mark is not None:
        page = await store.withdrawn("x", mark, 1)
        mark = page.next
        for one in page.posts:
            found.setdefault(one.post, one)
    assert {(name, one.external_id) for name, one in found.items()} == {
        ("a", None),
        ("b", "wire-b"),
        ("d", "wire-d"),
    }
    assert found["d"].rev == 4
    for wrong in ("posts", "order.0", "ext.-1", f"ext.{1 << 64}"):
        with pytest.raises(Invalid):
            await store.withdrawn("x", wrong, 1)
    with pytest.raises(NotFound):
        await store.withdrawn("nowhere", "", 1)


async def test_lists_the_newest_made_first(store: RedisStore) -> None:
    """By when they were made, whatever their names."""
    for at, slug in enumerate(("b", "a", "c")):
        await store.make_feed(slug, slug.encode(), AT + at, None)
    assert await store.feeds() == [b"c", b"a", b"b"]


async def test_numbers_events_without_a_hole(store: RedisStore) -> None:
    """Whoever writes, and however many at a time."""
    epoch = (await made(store)).epoch
    names = [f"p{i}" for i in range(50)]
    written = await asyncio.gather(
        *(store.write(write(published(name))) for name in names)
    )
    assert sorted(one.cursor.seq for one in written) == list(range(1, 51))
    assert {one.cursor.epoch for one in written} == {epoch}
    window = await store.window("x")
    assert [event.seq for event in window.events] == list(range(1, 51))
    assert {event.post for event in window.events} == set(names)


async def test_refuses_what_is_not_there(store: RedisStore) -> None:
    """Each with its own error."""
    with pytest.raises(NotFound) as no_feed:
        await store.write(write(published("p")))
    assert (no_feed.value.feed, no_feed.value.post) == ("x", None)
    await made(store)
    with pytest.raises(NotFound) as no_post:
        await store.write(write(updated("p", 1)))
    assert (no_post.value.feed, no_post.value.post) == ("x", "p")
    for asked in (store.feed("y"), store.snapshot("y", 20), store.window("y")):
        with pytest.raises(NotFound):
            await asked
    with pytest.raises(NotFound):
        await store.page("y", None, 20)
    with pytest.raises(NotFound) as nothing:
        await store.post("y", "p")
    assert nothing.value.post is None
    with pytest.raises(NotFound) as nothing:
        await store.post("x", "p")
    assert nothing.value.post == "p"


async def test_an_expected_revision_has_to_be_the_current_one(
    store: RedisStore,
) -> None:
    """The error carries what is there, for posts and for the feed."""
    await made(store)
    await store.write(write(published("p")))
    await store.write(write(updated("p", 1, "two")))
    with pytest.raises(StaleRevision) as stale:
        await store.write(write(updated("p", 1, "three")))
    error = stale.value
    assert (error.expected, error.rev, error.current) == (1, 2, body("p", "two"))
    with pytest.raises(StaleRevision):
        await store.write(write(published("p")))
    await store.write(write(feed_updated(1, b"two")))
    with pytest.raises(StaleRevision) as stale:
        await store.write(write(feed_updated(1, b"three")))
    assert (stale.value.rev, stale.value.current) == (2, b"two")
    assert (await store.feed("x")).cursor.seq == 3


async def test_a_withdrawn_post_leaves_no_text(
    store: RedisStore, server: Server
) -> None:
    """Neither in the store nor in its answers; its id and external id stay taken."""
    await made(store)
    secret = "a-text-to-be-gone"
    await store.write(
        write(published("p", secret, external_id="ext-1"), key="k", fingerprint="f")
    )
    await store.write(write(updated("p", 1, secret + "2")))
    await store.write(write(withdrawn("p", 2)))
    with pytest.raises(Gone):
        await store.post("x", "p")
    with pytest.raises(Gone):
        await store.write(write(updated("p", 3)))
    with pytest.raises(ExternalIdTaken) as taken:
        await store.write(write(published("q", external_id="ext-1")))
    assert (taken.value.post, taken.value.current) == ("p", None)
    window = await store.window("x")
    assert [event.type for event in window.events] == [EventType.WITHDRAWN] * 3
    assert {event.body for event in window.events} == {b""}
    assert (await store.snapshot("x", 20)).page.posts == ()
    with server.client() as client:
        for key in client.scan_iter():
            assert secret.encode() not in client.dump(key), key


async def test_an_external_id_belongs_to_one_post(store: RedisStore) -> None:
    """The error carries that post as it is."""
    await made(store)
    await store.write(write(published("p", "one", external_id="e")))
    with pytest.raises(ExternalIdTaken) as taken:
        await store.write(write(published("q", external_id="e")))
    assert (taken.value.post, taken.value.current) == ("p", body("p", "one"))
    with pytest.raises(NotFound):
        await store.post("x", "q")


async def test_a_repeated_write_changes_nothing(store: RedisStore) -> None:
    """It wins over a stale revision, and over an external id that is its own."""
    await made(store)
    first = await store.write(write(published("p", external_id="e"), key="k"))
    await store.write(write(updated("p", 1)))
    again = await store.write(write(published("other", external_id="e"), key="k"))
    assert again == first._replace(repeated=True)
    edit = await store.write(write(updated("p", 2), key="k2", fingerprint="f2"))
    again = await store.write(write(updated("p", 2), key="k2", fingerprint="f2"))
    assert again == edit._replace(repeated=True)
    with pytest.raises(KeyReused):
        await store.write(write(published("q"), key="k", fingerprint="other"))
    assert (await store.feed("x")).cursor.seq == 3


async def test_recalls_what_was_written_under_a_key(
    store: RedisStore, server: Server
) -> None:
    """For a day, and per token."""
    await made(store)
    key = Idempotency("token-1", "k", "f1")
    assert await store.recall("x", key) is None
    written = await store.write(write(published("p"), key="k"))
    assert await store.recall("x", key) == written._replace(repeated=True)
    assert await store.recall("x", key._replace(owner="token-2")) is None
    with pytest.raises(KeyReused):
        await store.recall("x", key._replace(fingerprint="f2"))
    with server.client() as client:
        (record,) = client.scan_iter("*:idem:*")
        assert 86_000 < client.ttl(record) <= 86_400


async def test_pinning_is_one_step(store: RedisStore) -> None:
    """The former pin goes and the new one comes, or nothing happens."""
    await made(store)
    await store.write(write(published("p"), pins=("", "p")))
    await store.write(write(published("q"), pins=("p", "q")))
    with pytest.raises(PinMoved):
        await store.write(write(updated("p", 1), pins=("p", "")))
    # Half of it stale: nothing of it happens.
    with pytest.raises(StaleRevision):
        await store.write(write(updated("q", 1), updated("p", 7), pins=("q", "p")))
    assert await store.post("x", "q") == body("q")
    both = await store.write(write(updated("q", 1), updated("p", 1), pins=("q", "p")))
    assert both.cursor.seq == 4
    assert both.post == "p"
    assert (await store.feed("x")).pinned == "p"
    assert (await store.snapshot("x", 20)).pinned == body("p", "new")
    await store.write(write(withdrawn("p", 2), pins=("p", "")))
    assert (await store.snapshot("x", 20)).pinned is None


async def test_pages_go_through_every_post_once(store: RedisStore) -> None:
    """In order, ties by id, after marks whose posts are gone or elsewhere."""
    await made(store)
    order = {f"p{i:02}": AT + i // 10 for i in range(45)}
    for name, at in order.items():
        await store.write(write(published(name, order=at)))
    expected = sorted(order, key=lambda name: (order[name], name), reverse=True)
    page = await store.page("x", None, 20)
    assert list(page.posts) == [body(name) for name in expected[:20]]
    assert page.next == Mark(order[expected[19]], expected[19])
    await store.write(write(withdrawn(expected[19], 1)))
    await store.write(write(updated(expected[10], 1, order=AT + 99)))
    page = await store.page("x", page.next, 20)
    assert list(page.posts) == [body(name) for name in expected[20:40]]
    page = await store.page("x", page.next, 20)
    assert list(page.posts) == [body(name) for name in expected[40:]]
    assert page.next is None
    assert (await store.page("x", Mark(0, "p"), 20)).posts == ()
    exact = await store.page("x", Mark(order[expected[40]], expected[40]), 4)
    assert (len(exact.posts), exact.next) == (4, None)


async def test_a_snapshot_is_at_a_cursor(store: RedisStore) -> None:
    """Feed, newest posts, pinned one and cursor are of one moment."""
    await made(store)
    for i in range(25):
        await store.write(write(published(f"p{i:02}", order=AT + i)))
    await store.write(write(updated("p03", 1, order=AT + 3), pins=("", "p03")))
    snapshot = await store.snapshot("x", 20)
    assert snapshot.cursor == (await store.feed("x")).cursor
    assert snapshot.feed == FEED
    assert snapshot.page == await store.page("x", None, 20)
    assert snapshot.page.posts[0] == body("p24")
    assert snapshot.pinned == body("p03", "new")


async def test_a_window_shows_posts_as_they_are_now(store: RedisStore) -> None:
    """Every seq is there; the body is the newest; a feed's event has the feed."""
    epoch = (await made(store)).epoch
    await store.write(write(published("p", "one")))
    await store.write(write(published("q", "gone")))
    await store.write(write(feed_updated(1, b"feed two")))
    await store.write(write(updated("p", 1, "two")))
    await store.write(write(withdrawn("q", 1)))
    window = await store.window("x")
    assert window.cursor == Cursor(epoch, 5)
    assert window.feed == b"feed two"
    now = body("p", "two")
    assert window.events == (
        Event(1, EventType.PUBLISHED, AT, "p", now),
        Event(2, EventType.WITHDRAWN, AT, "q", b""),
        Event(3, EventType.FEED, AT, "", b"feed two"),
        Event(4, EventType.UPDATED, AT, "p", now),
        Event(5, EventType.WITHDRAWN, AT, "q", b""),
    )
    piece = await store.since("x", 3)
    assert piece.head == window.cursor
    assert piece.events == window.events[3:]
    assert (await store.since("x", 5)).events == ()


async def test_a_window_is_bounded(link: Link, settings: Settings) -> None:
    """By events, and by bytes as a ring counts them; what is there has no hole."""
    few = RedisStore(link, dataclasses.replace(settings, ring_events=600))
    await few.make_feed("x", FEED, AT, None)
    for i in range(1300):
        await few.write(write(published(f"p{i}")))
    window = await few.window("x")
    assert 600 <= len(window.events) < 1300
    seqs = [event.seq for event in window.events]
    assert seqs == list(range(window.first, 1301))
    small = RedisStore(link, dataclasses.replace(settings, ring_bytes=1 << 20))
    for i in range(60):
        await small.write(write(published(f"big{i}", "x" * 50_000)))
    window = await small.window("x")
    assert sum(len(event.body) for event in window.events) < (2 << 20) + 60_000
    assert window.cursor.seq == 1360
    assert window.events[-1].seq == 1360
    assert len(window.events) < 60


async def test_the_log_is_trimmed(link: Link, settings: Settings) -> None:
    """About `log_events` are kept; posts are not touched."""
    store = RedisStore(link, dataclasses.replace(settings, log_events=100))
    await store.make_feed("x", FEED, AT, None)
    for i in range(500):
        await store.write(write(published(f"p{i}")))
    window = await store.window("x")
    assert 100 <= len(window.events) <= 300
    assert await store.post("x", "p0") == body("p0")


async def test_a_dropped_feed_is_gone_with_all_it_held(
    store: RedisStore, server: Server
) -> None:
    """Only idempotency records stay; the slug, used again, has a new epoch."""
    epoch = (await made(store)).epoch
    await store.write(write(published("p", external_id="e"), key="k"))
    with pytest.raises(StaleRevision):
        await store.drop_feed("x", 7, None)
    key = Idempotency("token-1", "drop", "f")
    await store.drop_feed("x", 1, key)
    assert await store.feeds() == []
    with server.client() as client:
        left = [name for name in client.scan_iter() if b":idem:" not in name]
    assert left == [b"stoppress:node"]
    await store.drop_feed("x", 1, key)
    with pytest.raises(NotFound):
        await store.drop_feed("x", None, None)
    cursor = await made(store)
    assert cursor.seq == 0
    assert cursor.epoch != epoch
    # A late repetition of the drop leaves the new feed alone; a late repetition
    # of the publish is a new publish: what it speaks of is gone.
    await store.drop_feed("x", 1, key)
    assert (await store.feed("x")).cursor == cursor
    late = await store.write(write(published("p2", external_id="e"), key="k"))
    assert not late.repeated


async def test_two_who_drop_and_make_do_not_hide_a_feed(store: RedisStore) -> None:
    """Whatever the order of the steps, a feed that is there is listed, once."""
    for _ in range(20):
        await made(store)
        await asyncio.gather(
            store.drop_feed("x", None, None),
            store.make_feed("x", FEED, AT, None),
            store.make_feed("x", FEED, AT, None),
            return_exceptions=True,
        )
        try:
            await store.feed("x")
        except NotFound:
            assert await store.feeds() == []
            continue
        assert await store.feeds() == [FEED]
        await store.drop_feed("x", None, None)


async def test_tokens_are_kept(store: RedisStore) -> None:
    """Put, found, listed, dropped."""
    assert await store.token("d") is None
    await store.put_token("d", b"record")
    assert await store.token("d") == b"record"
    assert await store.tokens() == [("d", b"record")]
    assert await store.drop_token("d") is True
    assert await store.drop_token("d") is False


async def test_scripts_may_be_flushed_at_any_time(
    store: RedisStore, server: Server
) -> None:
    """A server that forgot the scripts is sent them again, and writes once."""
    await made(store)
    with server.client() as client:
        for i in range(3):
            client.script_flush()
            written = await store.write(write(published(f"p{i}")))
            assert written.cursor.seq == i + 1
            client.script_flush()
            assert await store.heads(["x", "y"]) == [written.cursor, None]
            client.script_flush()
            await store.snapshot("x", 20)


async def test_a_write_is_one_command(store: RedisStore, server: Server) -> None:
    """One EVALSHA; nothing beside it."""
    await made(store)
    await store.write(write(published("p0"), key="k0"))
    with server.client() as client:
        before = client.info("commandstats")
        await store.write(write(published("p"), key="k"))
        after = client.info("commandstats")
    calls = {
        name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"]
        for name in after
    }
    assert calls["cmdstat_evalsha"] == 1
    assert not [
        name for name in ("cmdstat_eval", "cmdstat_config|get") if calls.get(name)
    ]


async def test_away_is_unavailable_and_comes_back(
    store: RedisStore, server: Server
) -> None:
    """Killed: 503, at once. Started again: all that was written is there."""
    epoch = (await made(store)).epoch
    await store.write(write(published("p"), key="k"))
    server.kill()
    with pytest.raises(Unavailable):
        await store.write(write(published("q")))
    with pytest.raises(Unavailable):
        await store.feed("x")
    server.start()
    assert await store.post("x", "p") == body("p")
    again = await store.write(write(published("p"), key="k"))
    assert again.repeated
    assert again.cursor == Cursor(epoch, 1)


async def test_a_server_that_hangs_is_unavailable(
    store: RedisStore, server: Server, link: Link
) -> None:
    """After `redis_timeout`; the outcome is settled by the same key."""
    await made(store)
    link.timeout_s = 0.3
    server.freeze()
    with pytest.raises(Unavailable):
        await store.write(write(published("p"), key="k"))
    server.thaw()
    link.timeout_s = 3.0
    await store.write(write(published("p"), key="k"))
    assert (await store.feed("x")).cursor.seq == 1


async def test_a_write_that_fails_in_the_middle_does_not_half_happen(
    store: RedisStore, server: Server
) -> None:
    """A log that is ahead of meta (tampered with) refuses, and nothing is kept."""
    await made(store)
    with server.client() as client:
        client.xadd("stoppress:{x}:log", {"type": "t"}, id="9-0")
    with pytest.raises(Exception, match="smaller"):
        await store.write(write(published("p", external_id="e"), key="k"))
    with pytest.raises(NotFound):
        await store.post("x", "p")
    assert await store.recall("x", Idempotency("token-1", "k", "f1")) is None


async def test_a_full_server_is_unavailable(store: RedisStore, server: Server) -> None:
    """Out of memory: nothing is written, and all can be read."""
    await made(store)
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        with pytest.raises(Unavailable, match="memory"):
            await store.write(write(published("p")))
        assert (await store.feed("x")).cursor.seq == 0
        client.config_set("maxmemory", "0")
    await store.write(write(published("p")))
