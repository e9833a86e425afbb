"""Webhooks at the desk: listed, made, removed and sent again, by a feed's managers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from stoppress.desk.webhooks_and_dead_letters import DeadLetter
from stoppress.domain.cursor import Cursor
from stoppress.domain.event import KNOWN_TYPES
from stoppress.web.pages.desk_webhooks import EVENTS
from tests.unit.web.pages.desk_site import HERE, DeskSite, open_desk_site

pytestmark = pytest.mark.asyncio

PAGE = "/desk/webhooks"
URL = "https://hooks.example.com/a?b=c&d=e"
SECRET = re.compile(r'value="(whsec_[\w+/=]+)"')
KEY = re.compile(r'name="key" value="(\w+)"')


@pytest_asyncio.fixture
async def site() -> AsyncIterator[DeskSite]:
    """The desk with a feed, and a browser whose person manages it."""
    async with open_desk_site() as site:
        await site.harness.feed()
        await site.sign_in(await site.secret("manage", feeds=["quay"]))
        yield site


async def send(site: DeskSite, path: str = "", **fields: str) -> httpx.Response:
    """Send a form."""
    given = {"feed": "quay", **fields}
    return await site.browser.post(f"{PAGE}{path}", data=given, headers=HERE)


async def listed(site: DeskSite, what: str = "webhooks") -> list[dict[str, Any]]:
    """The webhooks, or dead letters, as the API has them."""
    answer = await site.harness.client.get(f"/v1/feeds/quay/{what}")
    found: list[dict[str, Any]] = answer.json()[what.replace("-", "_")]
    return found


async def with_dead_letters(site: DeskSite) -> str:
    """A webhook with two dead letters, of another one's beside it; its id."""
    await send(site, url=URL)
    (hook,) = await listed(site)
    for name, n in ((hook["id"], 1), (hook["id"], 2), ("gone", 3)):
        letter = DeadLetter(f"e1-{n}", "post.published", "it <answered> 500", 9)
        await site.harness.store.add_dead_letter("quay", name, letter)
    return str(hook["id"])


async def test_the_form_offers_every_event() -> None:
    """Of those that a feed has."""
    assert EVENTS.keys() == KNOWN_TYPES.keys()


async def test_the_secret_is_shown_once(site: DeskSite) -> None:
    """In the answer that makes the webhook; a reload of it makes no second one."""
    first = await site.browser.get(PAGE, params={"feed": "quay"})
    key = KEY.search(first.text)
    assert key and "There is none yet" in first.text
    given = {"url": URL, "key": key[1], "post.published": "on", "other": "on"}
    answer = await send(site, **given)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    found = SECRET.search(answer.text)
    assert found and "a?b=c&amp;d=e" in answer.text
    again = SECRET.search((await send(site, **given)).text)
    assert again and again[1] == found[1]
    (hook,) = await listed(site)
    assert (hook["url"], hook["events"]) == (URL, ["post.published"])
    # The only feed that this person manages needs no choice.
    for address in (PAGE, f"{PAGE}?feed=quay"):
        page = await site.browser.get(address)
        assert page.status_code == 200 and "whsec_" not in page.text
        assert "A post is published. All is delivered, or given up." in page.text
    assert (await send(site, url=URL, key="no key!")).status_code == 201
    assert len(await listed(site)) == 2
    assert "All events" in (await site.browser.get(PAGE)).text


async def test_the_page_counts_the_events_that_wait(site: DeskSite) -> None:
    """In events of the feed's history."""
    await send(site, url=URL)
    (hook,) = await listed(site)
    at = await site.harness.store.webhook_cursor("quay", hook["id"])
    for n, text in ((1, "1 event waits"), (2, "2 events wait")):
        given = {"headline": f"Post {n}"}
        await site.harness.client.post("/v1/feeds/quay/posts", json=given)
        assert text in (await site.browser.get(PAGE)).text
    other = Cursor("other", at.seq)
    await site.harness.store.put_webhook_cursor("quay", hook["id"], other)
    assert "told to read the feed anew" in (await site.browser.get(PAGE)).text


@pytest.mark.parametrize(
    "url", ["", "no address", "ftp://a.example/", URL + "x" * 3000]
)
async def test_an_invalid_form_is_shown_again_with_the_reason(
    site: DeskSite, url: str
) -> None:
    """The form has what was written, and no webhook is made."""
    answer = await send(site, url=url, **{"feed.updated": "on"})
    assert answer.status_code == 422 and "It is not made: url" in answer.text
    assert 'name="feed.updated" checked' in answer.text
    assert SECRET.search(answer.text) is None and await listed(site) == []


async def test_a_webhook_is_removed(site: DeskSite) -> None:
    """Once more is no fault; both are back on the page of the feed."""
    await send(site, url=URL)
    (hook,) = await listed(site)
    for _ in range(2):
        gone = await send(site, "/remove", webhook=hook["id"])
        assert gone.status_code == 303
        assert gone.headers["location"] == f"{PAGE}?feed=quay"
    assert await listed(site) == []
    reported = [what for what, _ in site.harness.store.audited]
    assert reported[-2:] == ["webhook.created", "webhook.deleted"]


async def test_dead_letters_are_sent_again(site: DeskSite) -> None:
    """One, then all that are left; those of other webhooks are not shown."""
    hook = await with_dead_letters(site)
    page = (await site.browser.get(PAGE)).text
    assert "Not delivered: 2" in page and "it &lt;answered&gt; 500" in page
    assert page.count('name="letter"') == 2 and "gone.e1-3" not in page
    sent = await send(site, "/resend", webhook=hook, letter=f"{hook}.e1-1")
    assert sent.headers["location"] == f"{PAGE}?feed=quay"

    async def queued() -> list[str]:
        letters = await listed(site, "dead-letters")
        return sorted(one["cursor"] for one in letters if one["resending"])

    assert await queued() == ["e1-1"]
    page = (await site.browser.get(PAGE)).text
    assert page.count('name="letter"') == 1 and "Is being sent again" in page
    for _ in range(2):
        assert (await send(site, "/resend", webhook=hook)).status_code == 303
    assert await queued() == ["e1-1", "e1-2"]
    # Delivered, or removed, in the meantime.
    for given in ({"webhook": hook, "letter": "x"}, {"webhook": "gone"}):
        assert (await send(site, "/resend", **given)).status_code == 303


async def test_only_managers_of_the_feed() -> None:
    """Nobody else sees or changes anything, whether or not the feed exists."""
    async with open_desk_site() as site:
        await site.harness.feed()
        for secret, has_link in (
            (await site.secret("publish"), False),
            (await site.secret("manage", feeds=["other"]), True),
        ):
            await site.sign_in(secret)
            for feed in ("quay", "missing"):
                query = {"feed": feed}
                for answer in (
                    await site.browser.get(PAGE, params=query),
                    await send(site, url=URL, feed=feed),
                    await send(site, "/remove", webhook="x", feed=feed),
                    await send(site, "/resend", webhook="x", feed=feed),
                ):
                    assert answer.status_code == 403
                    assert "the scope <code>manage</code>" in answer.text
            desk = (await site.browser.get("/desk")).text
            assert (PAGE in desk) is has_link
        # The second one may manage another feed: the page lists none of these.
        page = await site.browser.get(PAGE)
        assert page.status_code == 200 and "quay" not in page.text
        assert await listed(site) == []


async def test_a_feed_that_is_not_there(site: DeskSite) -> None:
    """Where somebody manages all feeds: it is said on the page."""
    await site.sign_in(await site.secret("manage"))
    for answer in (
        await site.browser.get(PAGE, params={"feed": "<gone>"}),
        await send(site, url=URL, feed="<gone>"),
    ):
        assert answer.status_code == 404
        assert "There is no feed <bdi>&lt;gone&gt;" in answer.text
    for path in ("/remove", "/resend"):
        gone = await send(site, path, webhook="x", feed="a&b=c")
        assert gone.headers["location"] == f"{PAGE}?feed=a%26b%3Dc"


async def test_another_site_and_strangers_change_nothing(site: DeskSite) -> None:
    """A form counts from our own pages alone, and with a session."""
    hook = await with_dead_letters(site)
    for path in ("", "/remove", "/resend"):
        data = {"feed": "quay", "url": URL, "webhook": hook}
        for headers in ({"origin": "https://evil.example"}, {}):
            refused = await site.browser.post(
                f"{PAGE}{path}", data=data, headers=headers
            )
            assert refused.status_code == 403
        async with site.other(str(site.browser.base_url)) as stranger:
            asked = await stranger.post(f"{PAGE}{path}", data=data, headers=HERE)
            assert asked.status_code == 401 and 'name="token"' in asked.text
    async with site.other(str(site.browser.base_url)) as stranger:
        page = await stranger.get(PAGE, params={"feed": "quay"})
        assert page.status_code == 200 and 'name="token"' in page.text
    assert [one["id"] for one in await listed(site)] == [hook]
    letters = await listed(site, "dead-letters")
    assert not any(one["resending"] for one in letters)
