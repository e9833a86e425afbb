"""The audit in a real store: each acknowledged write has its entry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stoppress.domain.audit import digests
from stoppress.domain.errors import Invalid, SlugTaken, StaleRevision
from stoppress.guard.request_context import CURRENT, RequestContext
from stoppress.log import audit_log
from stoppress.log.pool import Pool
from stoppress.log.redis_keys import AUDIT, audit_key
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.news import AT, made, published, updated, withdrawn, write

pytestmark = pytest.mark.asyncio


@pytest.fixture
def store(link: Pool) -> Iterator[RedisStore]:
    """A store with its audit, as a request sees it."""
    context = RequestContext("r1", "192.0.2.1", "POST", "/")
    context.caller = "t1"
    former = CURRENT.set(context)
    yield RedisStore(link, Settings())
    CURRENT.reset(former)


async def reported(store: RedisStore, feed: str | None = None) -> list[str]:
    """What was done, newest first."""
    page = await store.audit.page(feed, "", 100)
    return [f"{entry.what} {entry.subject}".strip() for _, entry in page.entries]


async def test_each_write_has_its_entry(store: RedisStore) -> None:
    """Author, address and members changed; a refused write has none."""
    await made(store)
    await store.write(write(published("p1")))
    change = updated("p1", 1)._replace(
        body=b'{"headline":"secret words","rev":2}',
        before=b'{"headline":"former words","rev":1}',
    )
    await store.write(write(change))
    with pytest.raises(StaleRevision):
        await store.write(write(updated("p1", 1)))
    with pytest.raises(SlugTaken):
        await made(store)
    await store.write(write(withdrawn("p1", 2)))
    assert await reported(store, "x") == [
        "post.withdrawn p1",
        "post.updated p1",
        "post.published p1",
        "feed.created",
    ]
    page = await store.audit.page("x", "", 2)
    _, entry = page.entries[1]
    assert (entry.who, entry.address, entry.request_id) == ("t1", "192.0.2.1", "r1")
    assert entry.before.keys() == entry.after.keys() == {"headline"}
    assert "words" not in str(page)


async def test_entries_outlive_their_feed(store: RedisStore) -> None:
    """Also in the list of all entries, beside those of no feed."""
    await made(store)
    await store.write(write(published("p1")))
    await store.drop_feed("x", None, None)
    await store.audit.add("session.opened", "t2")
    assert await reported(store, "x") == [
        "feed.deleted",
        "post.published p1",
        "feed.created",
    ]
    # Entries of one millisecond in two streams are sorted by feed.
    assert "session.opened t2" in (await reported(store))[:2]
    assert len(await reported(store)) == 4


async def test_pages_go_through_every_entry_once(store: RedisStore) -> None:
    """Across feeds, also those of one millisecond."""
    for feed in ("a", "b", "x"):
        await store.make_feed(feed, b'{"slug":"%b"}' % feed.encode(), AT, None)
        for n in range(7):
            await store.write(write(published(f"p{n}"))._replace(feed=feed))
    seen, before = [], ""
    for _ in range(20):
        page = await store.audit.page(None, before, 5)
        seen += [(at, entry.feed, entry.subject) for at, entry in page.entries]
        if page.next is None:
            break
        before = page.next
    assert len(seen) == len(set(seen)) == 24
    assert [at for at, _, _ in seen] == sorted((at for at, _, _ in seen), reverse=True)
    for mark in ("x", "1-2", "1-2.Not a slug", "-1-0.x"):
        with pytest.raises(Invalid):
            await store.audit.page(None, mark, 5)


async def test_the_audit_log_is_bounded(store: RedisStore, link: Pool) -> None:
    """By number, roughly, and by days; it expires days after its last entry."""
    await made(store)
    key = audit_key("x")
    async with link.borrow() as redis:
        left = await redis.one("TTL", key)
        assert 0 < left <= Settings().audit_days * 86_400
        entry = b'{"who":"t","what":"x"}'
        for _ in range(500):
            args = audit_log.AuditArgs(entry, 0, 0, 100)
            await redis.write(audit_log._ADD, (AUDIT,), args)
        kept = await redis.one("XRANGE", AUDIT, "-", "+")
        assert 100 <= len(kept) <= 200
        newest = int(kept[-1][0].split(b"-")[0])
        args = audit_log.AuditArgs(entry, newest + 10_000, 60, 100)
        await redis.write(audit_log._ADD, (AUDIT,), args)
        assert len(await redis.one("XRANGE", AUDIT, "-", "+")) <= 100
        assert 0 < await redis.one("TTL", AUDIT) <= 60


async def test_refused_sign_ins_do_not_displace_editors_entries(
    store: RedisStore,
) -> None:
    """They have a stream of their own, and are in the list of all."""
    await store.audit.add("session.opened", "t2")
    await store.audit.add_refused("sign-in.refused", "unknown token")
    assert sorted(await reported(store)) == [
        "session.opened t2",
        "sign-in.refused unknown token",
    ]
    page = await store.audit.page(None, "", 1)
    assert page.next is not None
    rest = await store.audit.page(None, page.next, 1)
    seen = {entry.subject for _, entry in (*page.entries, *rest.entries)}
    assert seen == {"t2", "unknown token"} and rest.next is None


async def test_changed_settings_are_recorded_once(store: RedisStore) -> None:
    """By digests, by the first of several processes; the first start records none."""
    first = digests({"port": "1", "admin_token": "sp_former", "host": "a"})
    second = digests({"port": "2", "admin_token": "sp_later", "uds": "/x"})
    for settings in (first, first, second, second):
        await store.audit.started_with(settings)
    ((_, entry),) = (await store.audit.page(None, "", 9)).entries
    assert (entry.who, entry.what) == ("server", "settings.changed")
    assert entry.before.keys() == {"port", "admin_token", "host"}
    assert entry.after.keys() == {"port", "admin_token", "uds"}
    assert "sp_" not in str(entry)
