"""What the store erases of a post, and how processes are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stoppress.domain.errors import NotFound, TakenDown
from stoppress.domain.store_requests_and_results import PostState
from stoppress.log import erase_post_in_all_processes as module
from stoppress.log.audit_log import RedisAudit
from stoppress.log.erase_post_in_all_processes import PostErasure
from stoppress.log.follower import Follower
from stoppress.log.log_metrics import ErasureMetrics
from stoppress.log.pool import Pool
from stoppress.log.redis_keys import REFUSED, feed_keys
from stoppress.log.store import RedisStore
from tests.contract.store.news import made, published, updated, withdrawn, write
from tests.contract.store.servers import Server
from tests.contract.store.test_revisions import restored
from tests.tally import Tally
from tests.waiting import until

pytestmark = pytest.mark.asyncio


class Process:
    """A process that hears of erasures; `forgot` is what it dropped."""

    def __init__(self, link: Pool, store: RedisStore) -> None:
        self.forgot: list[str | None] = []
        self.erasure = PostErasure(link, RedisAudit(link, 0))
        self.follower = Follower(link, store, announcements=self.erasure)

    def forget(self, feed: str | None) -> int:
        """Write down what; it has five readers."""
        self.forgot.append(feed)
        return 5


async def _nothing() -> None:
    """No memory is overwritten here."""


@asynccontextmanager
async def running(link: Pool, store: RedisStore) -> AsyncIterator[Process]:
    """A process whose line stands."""
    one = Process(link, store)
    tasks = [
        asyncio.create_task(one.follower.run()),
        asyncio.create_task(one.erasure.run(one.forget, _nothing)),
    ]
    try:
        await until(lambda: one.follower.healthy)
        yield one
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_erased_post_leaves_no_state_and_cannot_return(
    server: Server, link: Pool, store: RedisStore
) -> None:
    """No earlier state is kept; a marker refuses its return."""
    await made(store)
    await store.write(write(published("p", "old text")))
    await store.write(write(updated("p", 1, "new text")))
    erasure = PostErasure(link, RedisAudit(link, 0))
    assert await erasure.erase("x", "p", b"{}") is None
    await store.write(write(withdrawn("p", 2)))
    for _ in range(2):
        assert await erasure.erase("x", "p", b'{"note":"order"}') == 3
    history = await store.revisions("x", "p")
    assert (history.state, history.revisions) == (PostState.TAKEN_DOWN, ())
    with server.client() as client:
        assert client.hgetall(feed_keys("x").revisions) == {
            b"p": b'taken down\n{"note":"order"}'
        }
    with pytest.raises(TakenDown):
        await store.write(write(restored("p", 3)))
    for feed, post in (("x", "r"), ("y", "p")):
        with pytest.raises(NotFound):
            await erasure.erase(feed, post, b"{}")


async def test_withdrawn_posts_are_listed_with_their_takedown(
    link: Pool, store: RedisStore
) -> None:
    """An export reads it from there."""
    await made(store)
    for name in ("p", "q"):
        await store.write(write(published(name, "text")))
        await store.write(write(withdrawn(name, 1)))
    await PostErasure(link, RedisAudit(link, 0)).erase("x", "p", b"{}")
    pages = [await store.withdrawn("x", mark, 9) for mark in ("", "posts.0")]
    listed = {one.post: one.is_taken_down for page in pages for one in page.posts}
    assert listed == {"p": True, "q": False}


async def test_refused_inbox_entries_with_its_texts_are_deleted(
    server: Server, link: Pool
) -> None:
    """Of any feed, however many there are, and those that can't be read."""
    posts = (
        ("x", b'{"headline":"Short"}'),
        ("x", b'{"body":"Another, in which Short stands."}'),
        ("misspelt", b'{"headline":"Short"}'),
        ("x", b"[" * 5000),
        ("x", b'[{"external_id":"e"}]'),
        ("x", b'{"external_id":"e","headline":1}'),
        ("y", b'{"external_id":"e"}'),
        ("y", b'{"body":"\xff"}'),
    )
    with server.client() as client:
        for feed, post in posts * 60:
            client.xadd(REFUSED, {"feed": feed, "post": post, "reason": "r"})
        texts = ["Short", "a long text that was \u0131ssued", "e"]
        erasure = PostErasure(link, RedisAudit(link, 0))
        assert await erasure.erase_refused("x", texts) == 300
        left = [fields[b"post"] for _, fields in client.xrange(REFUSED)]
    assert left == [posts[n][1] for n in (1, 4, 6)] * 60
    assert await erasure.erase_refused("x", []) == 0


async def test_every_process_confirms_the_erasure(
    link: Pool, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a message; a message without a recorded erasure does nothing."""
    monkeypatch.setattr(module, "FORGET_AGAIN_S", 3600.0)
    async with running(link, store) as one, running(link, store) as other:
        await until(lambda: one.forgot == other.forgot == [None])
        said = await one.erasure.confirmations("x")
        assert len(said) == 2 and sum(each.readers for each in said) == 10
        assert all(each.at for each in said)
        assert one.forgot == other.forgot == [None, "x"]
        one.erasure.hear(b"forged")
        assert len(await other.erasure.confirmations("y")) == 2
        assert one.forgot == [None, "x", "y"]


async def test_a_process_that_does_not_confirm_is_listed(
    link: Pool, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a time, and counted."""
    monkeypatch.setattr(module, "CONFIRM_S", 0.2)
    counts = Tally()
    async with running(link, store) as one:
        one.erasure.hear = lambda message: None  # type: ignore[method-assign]
        asking = PostErasure(link, RedisAudit(link, 0), ErasureMetrics(counts))
        (said,) = await asking.confirmations("x")
    assert (said.at, said.readers) == (None, 0)
    assert counts.sum("stoppress_erasures_unconfirmed") == 1


async def test_a_new_subscription_clears_all_caches(
    server: Server, link: Pool, store: RedisStore
) -> None:
    """An erasure may have been missed."""
    async with running(link, store) as one:
        await until(lambda: one.forgot == [None])
        with server.client() as client:
            client.client_kill_filter(_type="pubsub")
        await until(lambda: one.forgot == [None, None])
    for _ in range(module.MAX_ERASURES_HEARD + 2):
        one.erasure.hear(b"name")
    # More than can wait: everything is forgotten instead.
    assert one.erasure._heard.qsize() <= module.MAX_ERASURES_HEARD


async def test_the_append_only_file_is_rewritten(server: Server, link: Pool) -> None:
    """Once more if a rewrite is running; not without the right."""
    erasure = PostErasure(link, RedisAudit(link, 0))
    done = await asyncio.gather(*(erasure.rewrite_disk("x") for _ in range(3)))
    assert done == [True, True, True]
    counts = Tally()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
        refused = PostErasure(link, RedisAudit(link, 0), ErasureMetrics(counts))
        assert await refused.rewrite_disk("x") is False
        client.execute_command("ACL", "SETUSER", "default", "+bgrewriteaof")
        client.config_set("appendonly", "no")
        assert await refused.rewrite_disk("x") is False
    assert counts.sum("stoppress_erasures_pending") == 2
