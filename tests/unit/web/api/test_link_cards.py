"""Link cards over HTTP: for callers that draft, so many of them, never of here."""

from __future__ import annotations

import pytest

from stoppress.guard.limits import Limits
from stoppress.link_cards.link_cards import LinkCards
from stoppress.settings import Settings
from tests.unit.link_cards.web_servers import PUBLIC, Internet, page
from tests.unit.web.desk_harness import open_harness

pytestmark = pytest.mark.asyncio

PATH = "/v1/feeds/quay/link-cards"


async def test_a_link_card_is_returned_and_not_cached() -> None:
    """An invalid address is refused by field."""
    internet = Internet(answers={"a.example": page()})
    internet.name("a.example", [PUBLIC])
    async with (
        internet.running(),
        open_harness(link_cards=LinkCards(internet.fetcher)) as harness,
    ):
        await harness.feed(visibility="private")
        drafter = harness.reader(authorization=await harness.token("draft"))
        answer = await drafter.post(PATH, json={"url": "http://a.example/"})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.json() == {
            "type": "link",
            "url": "http://a.example/",
            "title": "A page",
        }
        answer = await drafter.post(PATH, json={"url": "http://169.254.169.254/"})
        assert answer.status_code == 422 and answer.json()["field"] == "url"
        reader = harness.reader(authorization=await harness.token("read"))
        for client, status in ((reader, 403), (harness.reader(), 401)):
            answer = await client.post(PATH, json={"url": "http://a.example/"})
            assert answer.status_code == status
        elsewhere = PATH.replace("quay", "nowhere")
        answer = await harness.client.post(elsewhere, json={"url": "http://a.example/"})
        assert answer.status_code == 404
    assert len(internet.heads) == 1 and not internet.private_connections


async def test_link_cards_per_caller_are_limited() -> None:
    """A request over the limit gets 429 and fetches no page."""
    internet = Internet(answers={"a.example": page()})
    internet.name("a.example", [PUBLIC])
    limits = Limits(Settings(caller_link_cards_per_s=0.05))
    async with (
        internet.running(),
        open_harness(link_cards=LinkCards(internet.fetcher), limits=limits) as harness,
    ):
        await harness.feed()
        given = {"url": "http://a.example/"}
        other = harness.reader(authorization=await harness.token("draft"))
        assert (await other.post(PATH, json=given)).status_code == 200
        drafter = harness.reader(authorization=await harness.token("draft"))
        statuses = [
            (await drafter.post(PATH, json=given)).status_code for _ in range(4)
        ]
        assert statuses == [200, 200, 200, 429]
        answer = await drafter.post(PATH, json=given)
        assert (await other.post(PATH, json=given)).status_code == 200
        assert len(internet.heads) == 5
        assert int(answer.headers["retry-after"]) >= 1


async def test_an_idempotency_key_is_for_one_address() -> None:
    """A repeat fetches the page again; another address under its key is refused."""
    internet = Internet(answers={"a.example": page()})
    internet.name("a.example", [PUBLIC])
    async with (
        internet.running(),
        open_harness(link_cards=LinkCards(internet.fetcher)) as harness,
    ):
        await harness.feed()
        headers = {"idempotency-key": "k1"}
        refused = {"url": "http://169.254.169.254/"}
        answer = await harness.client.post(PATH, json=refused, headers=headers)
        assert answer.status_code == 422 and answer.json()["field"] == "url"
        given = {"url": "http://a.example/"}
        first, again = [
            await harness.client.post(PATH, json=given, headers=headers) for _ in "ab"
        ]
        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json() == again.json()
        answer = await harness.client.post(PATH, json=refused, headers=headers)
        assert answer.json()["type"].endswith(":key-reused")
