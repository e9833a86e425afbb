"""Cards are media entries that a post may have; few are made at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import msgspec
import pytest

from stoppress.desk.input_normalization import normalized
from stoppress.desk.json_input import read
from stoppress.desk.post_from_and_to_input import check_draft
from stoppress.domain.errors import BrokenJson, Invalid, TooMany
from stoppress.domain.post import PostInput
from stoppress.link_cards.link_cards import (
    MAX_AT_ONCE,
    LinkCardMetrics,
    LinkCards,
    link_cards,
)
from stoppress.link_cards.system_resolver import SystemResolver
from stoppress.settings import Settings
from tests.tally import Tally
from tests.unit.link_cards.web_servers import PUBLIC, Internet, page
from tests.waiting import until

pytestmark = pytest.mark.asyncio

INPUT = json.dumps({"url": "http://a.example/"}).encode()
MARKUP = """<meta property="og:title" content="T"><meta name=description content=D>
<meta property="og:image" content="/i.png"><meta property=og:site_name content=S>"""


async def test_a_card_is_an_entry_of_a_post_s_media() -> None:
    """The post that it is put into is accepted as it is."""
    internet = Internet(answers={"a.example": page(MARKUP)})
    internet.name("a.example", [PUBLIC])
    tally = Tally()
    async with internet.running():
        cards = LinkCards(internet.fetcher, LinkCardMetrics(tally))
        card = msgspec.to_builtins(await cards.card(INPUT))
        with pytest.raises(Invalid):
            await cards.card(b'{"url": "http://localhost/"}')
    assert card == {
        "type": "link",
        "url": "http://a.example/",
        "title": "T",
        "text": "D",
        "image": "http://a.example/i.png",
        "provider": "S",
    }
    post = read(json.dumps({"media": [card]}).encode(), msgspec.json.Decoder(PostInput))
    assert msgspec.to_builtins(check_draft(normalized(post)).media) == (card,)
    counted = [(one.label, one.amount) for one in tally.of("stoppress_link_cards")]
    assert counted == [("made", 1), ("refused", 1)]


async def test_few_at_once() -> None:
    """More are told to come back, and cost nothing."""

    async def never(_: str) -> AsyncGenerator[bytes, None]:
        await asyncio.sleep(3600)
        yield b""

    internet = Internet(answers={"a.example": never})
    internet.name("a.example", [PUBLIC])
    async with internet.running():
        cards = LinkCards(internet.fetcher)
        running = [asyncio.create_task(cards.card(INPUT)) for _ in range(MAX_AT_ONCE)]
        await until(lambda: len(internet.heads) == MAX_AT_ONCE)
        with pytest.raises(TooMany):
            await cards.card(INPUT)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with pytest.raises(Invalid):
            await cards.card(b'{"url": "http://localhost/"}')


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (b"", BrokenJson),
        (b"{}", Invalid),
        (b'{"url": 1}', Invalid),
        (b'{"url": ""}', Invalid),
        (b'{"url": "http://a.example/", "more": 1}', Invalid),
        (json.dumps({"url": f"http://a.example/{'x' * 2000}"}).encode(), Invalid),
    ],
)
async def test_input_is_checked(raw: bytes, wrong: type[Exception]) -> None:
    """As everywhere."""
    with pytest.raises(wrong):
        await LinkCards().card(raw)


async def test_a_server_may_fetch_none() -> None:
    """With link_card_timeout_s=0."""
    resolver = SystemResolver()
    settings = Settings(link_card_timeout_s=0.0)
    cards = link_cards(settings, resolver, LinkCardMetrics())
    with pytest.raises(Invalid, match="fetches no link cards"):
        await cards.card(INPUT)
    resolver.close()
