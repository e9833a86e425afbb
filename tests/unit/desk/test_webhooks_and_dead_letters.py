"""A webhook is checked when it is made."""

from __future__ import annotations

import asyncio
import json

import pytest

from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.webhooks_and_dead_letters import MAX_WEBHOOKS, WebhookDesk
from stoppress.domain.errors import Conflict, Invalid, NotFound
from stoppress.link_cards.allowed_fetch_targets import target_of
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

CALLER = Requester("t")
URL = "https://hooks.example.com/a"


async def desk() -> WebhookDesk:
    """A desk with the feed x."""
    store = MemoryStore()
    await store.make_feed("x", b"{}", 1, None)
    return WebhookDesk(store, lambda: 0, target_of)


async def test_its_secret_is_ours_or_given() -> None:
    """In the form of Standard Webhooks."""
    made = await desk()
    ours, _ = await made.make("x", json.dumps({"url": URL}).encode(), CALLER)
    assert ours.secret.startswith("whsec_") and len(ours.secret) == 50
    given = {"url": URL, "secret": ours.secret, "events": ["post.published"] * 2}
    theirs, _ = await made.make("x", json.dumps(given).encode(), CALLER)
    assert (theirs.secret, theirs.events) == (ours.secret, ("post.published",))
    assert len(await made.all("x")) == 2
    await made.drop("x", ours.id, CALLER)
    with pytest.raises(NotFound):
        await made.drop("x", ours.id, CALLER)
    assert await made.dead_letters("x", 5) == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "http://printer.local/"}, "url"),
        ({"url": "/hooks"}, "url"),
        ({"url": "ftp://hooks.example.com/"}, "url"),
        ({"url": URL, "events": ["post.seen"]}, "events[0]"),
        ({"url": URL, "events": ["draft.created"]}, "events[0]"),
        ({"url": URL, "secret": "short"}, "secret"),
        ({"url": URL, "secret": "whsec_c2hvcnQ="}, "secret"),
        ({"url": URL, "more": 1}, "more"),
    ],
)
async def test_an_invalid_webhook_is_refused(
    given: dict[str, object], field: str
) -> None:
    """Told by field."""
    with pytest.raises(Invalid) as wrong:
        await (await desk()).make("x", json.dumps(given).encode(), CALLER)
    assert wrong.value.field == field


async def test_there_is_a_bound() -> None:
    """Also for requests at the same moment; a feed that is not there has none."""
    made = await desk()
    raw = json.dumps({"url": URL}).encode()
    making = [made.make("x", raw, CALLER) for _ in range(MAX_WEBHOOKS + 6)]
    done = await asyncio.gather(*making, return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in done) == 6
    assert len(await made.all("x")) == MAX_WEBHOOKS
    with pytest.raises(Conflict, match="10 webhooks at most: delete one"):
        await made.make("x", raw, CALLER)
    with pytest.raises(NotFound):
        await made.make("y", raw, CALLER)
