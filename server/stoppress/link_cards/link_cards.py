"""Makes the cards of pasted links: a post's media entry of the type `link`.

Rules: at most MAX_AT_ONCE fetches per process, as each may last seconds;
`caller_link_cards_per_s` limits each caller. Cards are not stored here: the desk puts
them into posts. The code that fetches is imported with the first card.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from stoppress.desk.json_input import read
from stoppress.domain.errors import Invalid, TooMany
from stoppress.link_cards.system_resolver import SystemResolver
from stoppress.metric_instruments import NO_METER, Meter
from stoppress.settings import Settings

if TYPE_CHECKING:
    from stoppress.link_cards.fetch_page import PageFetcher

MAX_AT_ONCE = 8


class LinkCardInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The input of a card: the web address of a page."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]


class LinkCard(Struct, frozen=True, omit_defaults=True):
    """A page's description of itself, as an entry of a post's `media`."""

    type: Literal["link"]
    url: str
    title: str | None = None
    text: str | None = None
    image: str | None = None
    provider: str | None = None


_input = msgspec.json.Decoder(LinkCardInput)


class LinkCardMetrics:
    """The metrics of link cards."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.cards = meter.counters(
            "stoppress_link_cards",
            "Pages that were fetched for a link card, by outcome.",
            "outcome",
            ("made", "refused", "busy"),
        )


class LinkCards:
    """Makes the cards of one process; without `make_fetcher` it refuses all."""

    def __init__(
        self,
        make_fetcher: Callable[[], PageFetcher] | None = None,
        metrics: LinkCardMetrics | None = None,
    ) -> None:
        self._make_fetcher = make_fetcher
        self._fetcher: PageFetcher | None = None
        self._cards = (metrics or LinkCardMetrics()).cards
        self._running = 0

    async def card(self, raw: bytes) -> LinkCard:
        """The card of the page that an input names. Raises Malformed, TooMany."""
        url = read(raw, _input).url.strip()
        if self._make_fetcher is None:
            raise Invalid("url", "can't be read: this server fetches no link cards")
        if self._running >= MAX_AT_ONCE:
            self._cards["busy"].add()
            raise TooMany("link cards at once", 1)
        self._running += 1
        try:
            if self._fetcher is None:
                made = await asyncio.to_thread(self._make_fetcher)
                self._fetcher = self._fetcher or made
            page = await self._fetcher.fetch(url)
        except Invalid:
            self._cards["refused"].add()
            raise
        finally:
            self._running -= 1
        self._cards["made"].add()
        from stoppress.link_cards.page_metadata import metadata

        return LinkCard("link", url, **metadata(page.markup, page.url))


def link_cards(
    settings: Settings, resolver: SystemResolver, metrics: LinkCardMetrics
) -> LinkCards:
    """The link cards of a server."""

    def fetcher() -> PageFetcher:
        from stoppress.link_cards.fetch_page import PageFetcher

        return PageFetcher(
            resolver,
            timeout_s=settings.link_card_timeout_s,
            max_bytes=settings.link_card_bytes,
            contact=settings.public_url,
        )

    return LinkCards(fetcher if settings.link_card_timeout_s else None, metrics)
