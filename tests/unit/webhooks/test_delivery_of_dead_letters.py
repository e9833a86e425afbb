"""What no webhook took is a dead letter, which may be sent again."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.desk.webhooks_and_dead_letters import DeadLetter
from stoppress.domain.cursor import Cursor
from stoppress.webhooks import delivery as module
from tests.unit.webhooks.webhook_bureau import Bureau, ended
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_an_undelivered_message_is_a_dead_letter() -> None:
    """After all attempts, with the same id; what follows is sent then."""
    bureau = await Bureau().open()
    bureau.sender.refused = {"e1-1"}
    await bureau.publish("a", "b")
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: len(bureau.sender.taken) == 1)
    await ended(task)
    assert bureau.sender.ids == ["h.e1-1"] * 3 + ["h.e1-2"]
    ((_, letter),) = bureau.store.letters
    assert (letter.cursor, letter.type, letter.attempts) == (
        *("e1-1", "post.published"),
        3,
    )
    assert letter.reason == "it answered 500"


async def test_a_dead_letter_is_sent_again() -> None:
    """By whichever process delivers: once, with the same id, signed anew, then gone."""
    bureau = await Bureau().open()
    bureau.sender.refused = {"e1-1"}
    await bureau.publish("a", "b")
    tasks = [asyncio.create_task(bureau.delivery().run()) for _ in range(2)]
    await until(lambda: len(bureau.sender.taken) == 1)
    bureau.sender.refused = set()
    bureau.sender.ids.clear()
    for queued in (1, 0):
        assert await bureau.store.queue_resends("x", "h", ["h.e1-1"]) == queued
    await until(lambda: bureau.store.letters == [])
    await bureau.publish("c")
    await until(lambda: len(bureau.sender.taken) == 3)
    for task in tasks:
        await ended(task)
    assert bureau.sender.ids == ["h.e1-1", "h.e1-3"]
    assert bureau.sender.taken[1]["post"]["id"] == "a"
    assert bureau.sender.signed == {"h.e1-1", "h.e1-2", "h.e1-3"}


async def test_a_resend_that_fails_is_kept_with_the_new_reason() -> None:
    """After as many attempts as the first time; new events do not wait for it."""
    bureau = await Bureau().open()
    letter = DeadLetter("e1-1", "post.published", "it answered 404", 3)
    await bureau.publish("a", "b")
    await bureau.store.put_webhook_cursor("x", "h", Cursor("e1", 2))
    await bureau.store.add_dead_letter("x", "h", letter)
    await bureau.store.queue_resends("x", "h", ["h.e1-1"])
    bureau.sender.refused = {"e1-1"}
    delivery = bureau.delivery()
    delivery._delays_s = (0.2, 0.01)
    task = asyncio.create_task(delivery.run())
    await until(lambda: bureau.sender.ids == ["h.e1-1"])
    await bureau.publish("c")
    await until(lambda: not bureau.store.resending)
    await ended(task)
    assert sorted(bureau.sender.ids) == ["h.e1-1"] * 3 + ["h.e1-3"]
    ((_, kept),) = bureau.store.letters
    assert (kept.id, kept.reason, kept.attempts) == ("h.e1-1", "it answered 500", 6)


async def test_an_event_that_is_let_go_is_not_sent_again() -> None:
    """The reason says what to do; a reset needs no event."""
    bureau = await Bureau().open()
    await bureau.publish("a", "b")
    await bureau.store.put_webhook_cursor("x", "h", Cursor("e1", 2))
    bureau.store.first = 1
    for cursor, kind in (
        *(("e0-2", "post.published"), ("e1-1", "post.published")),
        ("e1-2", "reset"),
    ):
        letter = DeadLetter(cursor, kind, "it answered 500", 3)
        await bureau.store.add_dead_letter("x", "h", letter)
    ids = ["h.e0-2", "h.e1-1", "h.e1-2"]
    assert await bureau.store.queue_resends("x", "h", ids) == 3
    task = asyncio.create_task(bureau.delivery().run())
    await until(lambda: not bureau.store.resending)
    await ended(task)
    assert [(one["type"], one["cursor"]) for one in bureau.sender.taken] == [
        ("reset", "e1-2")
    ]
    kept = [(one.id, one.reason, one.attempts) for _, one in bureau.store.letters]
    assert kept == [("h.e0-2", module.GONE, 3), ("h.e1-1", module.GONE, 3)]


async def test_a_resend_ends_when_the_webhook_is_another_process_s() -> None:
    """The letter stays queued for that process."""
    bureau = await Bureau().open()
    await bureau.publish("a")
    await bureau.store.put_webhook_cursor("x", "h", Cursor("e1", 1))
    letter = DeadLetter("e1-1", "post.published", "it answered 500", 3)
    await bureau.store.add_dead_letter("x", "h", letter)
    await bureau.store.queue_resends("x", "h", ["h.e1-1"])
    bureau.sender.refused = {"e1-1"}
    delivery = bureau.delivery()
    delivery._delays_s = (0.05,) * 1000
    task = asyncio.create_task(delivery.run())
    await until(lambda: len(bureau.sender.ids) >= 2)
    bureau.store.holders["x", "h"] = "another"
    await until(lambda: not delivery._served or delivery._served["x", "h"].done())
    await ended(task)
    ((_, kept),) = bureau.store.letters
    assert kept.reason == "it answered 500" and kept.attempts == 3
    assert bureau.store.resending == {("x", "h.e1-1")}
