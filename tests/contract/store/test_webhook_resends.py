"""Dead letters sent again from a real store, by several processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

import pytest

from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.webhooks_and_dead_letters import DeadLetter, Webhook, WebhookDesk
from stoppress.domain.errors import NoDeadLetter
from stoppress.log.connect import connect
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from stoppress.webhooks import delivery as module
from stoppress.webhooks.delivery import WebhookDelivery
from stoppress.webhooks.post_to_webhook import WebhookSender
from tests.contract.store.news import made, published, write
from tests.contract.store.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.asyncio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EDITOR = Requester("e")
HOOK = Webhook("h", "https://hooks.example.com/", SECRET, "a")
POST = b'{"id":"p","headline":"H","published_at":"2026-11-22T09:30:00.000Z","rev":1}'


class Receiver:
    """Takes messages; the first process's are never answered if it `hangs`."""

    def __init__(self, *, hangs: bool) -> None:
        self.hangs = hangs
        self.asked: list[int] = []
        self.taken: list[tuple[int, str, str]] = []

    def sender(self, process: int) -> WebhookSender:
        """The sender of one process."""
        receiver = self

        class Sender:
            async def send(
                self, url: str, headers: Mapping[str, str], body: bytes
            ) -> str:
                receiver.asked.append(process)
                if receiver.hangs and len(set(receiver.asked)) == 1:
                    await asyncio.Event().wait()
                post = json.loads(body)["post"]["id"]
                receiver.taken.append((process, headers["webhook-id"], post))
                return ""

        return cast(WebhookSender, Sender())


@pytest.mark.parametrize("ends", [False, True])
async def test_two_processes_send_a_letter_once(
    server: Server,
    settings: Settings,
    store: RedisStore,
    monkeypatch: pytest.MonkeyPatch,
    ends: bool,
) -> None:
    """After any number of clicks; if the sending process ends, the other one sends."""
    monkeypatch.setattr(module, "FIND_S", 0.05)
    monkeypatch.setattr(module, "QUIET_LOOK_S", 0.05)
    monkeypatch.setattr(module, "NEXT_QUEUE_LOOK_S", 0.05)
    monkeypatch.setattr(module, "HOLD_S", 1.0)
    await made(store)
    sent = await store.write(write(published("p")._replace(body=POST)))
    await store.add_webhook("x", HOOK)
    letter = DeadLetter(str(sent.cursor), "post.published", "it answered 500", 9)
    await store.add_dead_letter("x", "h", letter)
    ident = f"h.{sent.cursor}"

    async def listed_none() -> bool:
        return not await store.dead_letters("x")

    desk = WebhookDesk(store, lambda: 0)
    clicks = await asyncio.gather(
        *(desk.resend("x", "h", ident, EDITOR) for _ in range(20))
    )
    assert sum(clicks) == 1
    receiver = Receiver(hangs=ends)
    links = [await connect(server.url, settings) for _ in range(2)]
    tasks = [
        asyncio.create_task(
            WebhookDelivery(
                RedisStore(link, settings), receiver.sender(n), "https://a.example"
            ).run()
        )
        for n, link in enumerate(links)
    ]
    try:
        if ends:
            await until(lambda: len(receiver.asked) == 1)
            tasks[receiver.asked[0]].cancel()
        await until(lambda: len(receiver.taken) == 1)
        await until(listed_none)
        with pytest.raises(NoDeadLetter):
            await desk.resend("x", "h", ident, EDITOR)
        assert await desk.resend("x", "h", None, EDITOR) == 0
        # A new event shows that both queues were read again since.
        late = await store.write(write(published("q")._replace(body=POST)))
        await until(lambda: len(receiver.taken) == 2)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for link in links:
            await link.aclose()
    assert [one[1] for one in receiver.taken] == [ident, f"h.{late.cursor}"]
    assert receiver.taken[0][2] == "p"
    assert len(set(receiver.asked)) == 1 + ends
