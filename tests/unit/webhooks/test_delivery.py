"""Events reach a webhook in order, at least once, or are dead letters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from stoppress.desk.webhooks_and_dead_letters import DeadLetter, Webhook
from stoppress.desk.write_outcome_and_checks import now_ms
from stoppress.domain.cursor import Cursor
from stoppress.webhooks import delivery as module
from stoppress.webhooks import poll_feed_heads
from tests.contract.store.news import AT, FEED, withdrawn, write
from tests.unit.webhooks import webhook_bureau
from tests.unit.webhooks.webhook_bureau import SECRET, Bureau, Store, ended
from tests.waiting import until

pytestmark = pytest.mark.asyncio


def held_by(task: asyncio.Task[Any]) -> Iterator[str]:
    """What the calls that a task waits in have in their variables."""
    waiting: Any = task.get_coro()
    while (frame := getattr(waiting, "cr_frame", None)) is not None:
        yield repr(frame.f_locals)
        waiting = waiting.cr_await


async def test_events_come_in_order_as_readers_get_them() -> None:
    """From the one after the webhook was made; a withdrawn post without its words."""
    bureau = Bureau()
    await bureau.store.make_feed("x", FEED, AT, None)
    await bureau.publish("before")
    hook = Webhook("h", "https://hooks.example.com/", SECRET, "a")
    await bureau.store.add_webhook("x", hook)
    await bureau.publish("a", "b", "c")
    await bureau.store.write(write(withdrawn("b", 1)))
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 4)
    await ended(task)
    kinds = [one["type"] for one in bureau.sender.taken]
    assert kinds == [
        *("post.published", "post.withdrawn", "post.published", "post.withdrawn")
    ]
    assert bureau.sender.taken[0]["post"]["url"] == "https://a.example/live/x/a"
    assert bureau.sender.ids == [f"h.{one['cursor']}" for one in bureau.sender.taken]


@pytest.mark.parametrize("shows", [False, True])
async def test_verification_is_sent_only_if_the_feed_shows_it(
    shows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only if the feed says so."""
    feed = json.dumps(json.loads(FEED) | {"show_verification": shows}).encode()
    sure = b'{"verification":"single",' + webhook_bureau.POST[1:]
    monkeypatch.setattr(webhook_bureau, "FEED", feed)
    monkeypatch.setattr(webhook_bureau, "POST", sure)
    bureau = await Bureau().open()
    await bureau.publish("a")
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 1)
    await ended(task)
    reported = bureau.sender.taken[0]["post"].get("verification")
    assert reported == ("single" if shows else None)


async def test_a_quiet_log_is_not_read_until_it_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its head is, with those of the others: what comes then is delivered at once."""
    monkeypatch.setattr(module, "QUIET_LOOK_S", 3600.0)
    monkeypatch.setattr(poll_feed_heads, "HEADS_LOOK_S", 0.01)
    bureau = await Bureau().open()
    looks = 0

    async def heads(feeds: Sequence[str]) -> Sequence[Cursor | None]:
        nonlocal looks
        looks += 1
        return await Store.heads(bureau.store, feeds)

    monkeypatch.setattr(bureau.store, "heads", heads)
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: looks > 20)
    assert bureau.store.pieces_read == 1
    await bureau.publish("a")
    await until(lambda: len(bureau.sender.taken) == 1)
    await ended(task)


async def test_types_are_chosen() -> None:
    """The others move the cursor all the same."""
    bureau = await Bureau().open(events=("post.withdrawn",))
    await bureau.publish("a")
    await bureau.store.write(write(withdrawn("a", 1)))
    task = asyncio.create_task(bureau.delivery().run())
    head = (await bureau.store.feed("x")).cursor
    await until(lambda: bureau.store.hook_cursors["x", "h"] == head)
    await ended(task)
    assert [one["post"] for one in bureau.sender.taken] == [{"id": "a"}] * 2


async def test_a_post_that_is_withdrawn_is_not_sent_again() -> None:
    """Between two attempts, and among what waits: its text is neither sent nor held."""
    bureau = await Bureau().open()
    await bureau.publish("a", "b")
    bureau.sender.refused = {"e1-1"}

    async def withdraw() -> None:
        await bureau.store.write(write(withdrawn("a", 1), withdrawn("b", 1)))

    bureau.sender.meanwhile = withdraw
    delivery = bureau.delivery()
    delivery._delays_s = (3600.0,)
    task = asyncio.create_task(delivery.run())
    await until(lambda: bureau.sender.meanwhile is None)
    await until(lambda: bureau.sender.ids == ["h.e1-1"])
    held = [text for one in asyncio.all_tasks() for text in held_by(one)]
    assert any("3600" in text for text in held)
    assert not any('"headline"' in text for text in held)
    await ended(task)

    bureau.store.holders.clear()
    bureau.sender.refused = set()
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 4)
    await ended(task)
    shown = [(one["type"], one["post"]) for one in bureau.sender.taken]
    assert shown == [("post.withdrawn", {"id": name}) for name in "abab"]


async def test_an_attempt_has_the_state_of_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A withdrawn post, what the feed no longer shows; new events and dead letters."""
    shows = json.dumps(json.loads(FEED) | {"show_verification": True}).encode()
    hides = FEED
    monkeypatch.setattr(webhook_bureau, "FEED", shows)
    monkeypatch.setattr(
        webhook_bureau, "POST", b'{"verification":"single",' + webhook_bureau.POST[1:]
    )
    bureau = await Bureau().open()
    await bureau.publish("a", "b", "c")
    await bureau.store.put_webhook_cursor("x", "h", Cursor("e1", 1))
    letter = DeadLetter("e1-1", "post.published", "it answered 500", 3)
    await bureau.store.add_dead_letter("x", "h", letter)
    await bureau.store.queue_resends("x", "h", ["h.e1-1"])
    bureau.sender.refused = {"e1-1", "e1-2"}
    delivery = bureau.delivery()
    delivery._delays_s = (0.01,) * 1000
    task = asyncio.create_task(delivery.run())
    await until(lambda: {"h.e1-1", "h.e1-2"} <= set(bureau.sender.ids))
    await bureau.store.write(write(withdrawn("a", 1)))
    monkeypatch.setattr(webhook_bureau, "FEED", hides)
    bureau.sender.refused = set()
    await until(lambda: len(bureau.sender.taken) == 4)
    await ended(task)
    assert bureau.sender.signed == {f"h.e1-{n}" for n in (1, 2, 3, 4)}
    assert b'"single"' in bureau.sender.tried[0]
    taken = {one["cursor"]: one for one in bureau.sender.taken}
    assert taken["e1-1"]["type"] == taken["e1-4"]["type"] == "post.withdrawn"
    assert taken["e1-1"]["post"] == taken["e1-4"]["post"] == {"id": "a"}
    for cursor in ("e1-2", "e1-3"):
        assert taken[cursor]["post"]["headline"] == "H"
        assert "verification" not in taken[cursor]["post"]
    assert bureau.store.letters == []


async def test_a_type_that_is_not_chosen_is_not_sent_at_a_later_attempt() -> None:
    """Nor again: publications were chosen, and the post is withdrawn by then."""
    bureau = await Bureau().open(events=("post.published",))
    await bureau.publish("a", "b")
    bureau.sender.refused = {"e1-1"}

    async def withdraw() -> None:
        await bureau.store.write(write(withdrawn("a", 1)))

    bureau.sender.meanwhile = withdraw
    letter = DeadLetter("e1-1", "post.published", "it answered 500", 3)
    await bureau.store.add_dead_letter("x", "h", letter)
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 1)
    await bureau.store.queue_resends("x", "h", ["h.e1-1"])
    await until(lambda: not bureau.store.letters)
    await ended(task)
    assert bureau.sender.ids == ["h.e1-1", "h.e1-2"]


async def test_an_event_that_is_let_go_between_attempts_is_a_reset() -> None:
    """Nothing more is tried for it; the receiver is told to read the feed again."""
    bureau = await Bureau().open()
    await bureau.publish("a", "b", "c")
    bureau.sender.refused = {"e1-1"}

    async def let_go() -> None:
        bureau.store.first = 2

    bureau.sender.meanwhile = let_go
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 1)
    head = Cursor("e1", 3)
    await until(lambda: bureau.store.hook_cursors["x", "h"] == head)
    await ended(task)
    assert bureau.sender.ids == ["h.e1-1", "h.e1-3"]
    assert bureau.sender.taken[0]["type"] == "reset"
    assert bureau.store.letters == []


async def test_another_process_goes_on_from_the_cursor() -> None:
    """One at a time; nothing is lost when it ends."""
    bureau = await Bureau().open()
    await bureau.publish("a")
    first = asyncio.create_task(bureau.delivery().run())
    second = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 1)
    await ended(first)
    bureau.store.holders.clear()  # its lease ends
    await bureau.publish("b", "c")
    await until(lambda: len(bureau.sender.taken) == 3)
    await ended(second)
    assert bureau.sender.ids == ["h.e1-1", "h.e1-2", "h.e1-3"]


async def test_a_reset_is_not_passed_over_with_the_lease() -> None:
    """The next process sends it."""
    bureau = await Bureau().open()
    await bureau.publish("a")
    old = Cursor("old", 9)
    await bureau.store.put_webhook_cursor("x", "h", old)
    bureau.sender.refused = {"e1-1"}
    delivery = bureau.delivery()
    delivery._delays_s = (0.05,) * 1000
    task = asyncio.create_task(delivery.run())
    await until(lambda: len(bureau.sender.ids) >= 2)
    bureau.store.holders["x", "h"] = "another"
    await until(lambda: not delivery._served or delivery._served["x", "h"].done())
    await ended(task)
    assert await bureau.store.webhook_cursor("x", "h") == old


async def test_a_log_that_does_not_go_on_is_a_reset() -> None:
    """Let go, or a new epoch: read the feed again."""
    bureau = await Bureau().open()
    await bureau.publish("a", "b", "c")
    bureau.store.first = 1
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 1)
    await bureau.store.put_webhook_cursor("x", "h", Cursor("old", 9))
    await until(lambda: len(bureau.sender.taken) == 2)
    await ended(task)
    resets = [(one["type"], one["cursor"]) for one in bureau.sender.taken]
    assert resets == [("reset", "e1-3")] * 2


async def test_a_deleted_webhook_gets_nothing_more() -> None:
    """Also while it waits for the next attempt."""
    bureau = await Bureau().open()
    bureau.sender.refused = {"e1-1"}
    await bureau.publish("a", "b")
    delivery = bureau.delivery()
    delivery._delays_s = (0.05,) * 1000
    task = asyncio.create_task(delivery.run())
    await until(lambda: len(bureau.sender.ids) >= 2)
    await bureau.store.drop_webhook("x", "h")
    await until(lambda: all(one.done() for one in delivery._served.values()))
    await ended(task)
    assert bureau.sender.taken == [] and bureau.store.letters == []


async def test_a_deleted_feed_stops_no_other() -> None:
    """The list of feeds with webhooks outlives a feed."""
    bureau = await Bureau().open()
    bureau.store.hook_feeds = {"gone": now_ms(), **bureau.store.hook_feeds}
    task = asyncio.create_task(bureau.delivery().run())
    await bureau.publish("a")
    await until(lambda: task.done() or len(bureau.sender.taken) == 1)
    assert not task.done()
    assert set(bureau.store.hook_feeds) == {"gone", "x"}  # its entry is a new one
    await ended(task)


async def test_damaged_webhooks_stop_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are logged once, and found again when they are mended."""
    bureau = await Bureau().open()
    read, is_damaged, looks = bureau.store.webhooks, True, 0

    async def webhooks(feed: str) -> Sequence[Webhook]:
        nonlocal looks
        looks += feed == "x"
        if feed == "damaged" and is_damaged:
            raise msgspec.ValidationError("no webhook")
        return () if feed == "damaged" else await read(feed)

    monkeypatch.setattr(bureau.store, "webhooks", webhooks)
    bureau.store.hook_feeds = {"damaged": now_ms(), **bureau.store.hook_feeds}
    task = asyncio.create_task(bureau.delivery().run())
    await bureau.publish("a")
    await until(lambda: task.done() or (len(bureau.sender.taken) == 1 and looks > 2))
    assert not task.done()
    assert caplog.text.count("the webhooks of damaged can't be read") == 1
    is_damaged = False
    seen = looks
    await until(lambda: looks > seen + 1)
    is_damaged = True
    await until(lambda: caplog.text.count("damaged can't be read") == 2)
    await ended(task)


async def test_feeds_without_webhooks_are_forgotten() -> None:
    """Deleted feeds, and those whose webhooks are; the others stay."""
    bureau = await Bureau().open()
    await bureau.store.make_feed("bare", FEED, AT, None)
    bureau.store.hook_feeds = dict.fromkeys(("gone", "bare", "x"), 1)
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: list(bureau.store.hook_feeds) == ["x"])
    await bureau.publish("a")
    await until(lambda: len(bureau.sender.taken) == 1)
    await ended(task)
    assert list(bureau.store.hook_feeds) == ["x"]
