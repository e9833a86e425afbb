"""Webhooks at the desk: listed, made, removed and sent again, by a feed's managers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from stoppress.desk.webhooks import DeadLetter
from stoppress.domain.cursor import Cursor
from stoppress.domain.event import KNOWN_TYPES
from stoppress.web.pages.desk_webhooks import EVENTS
from tests.unit.web.pages.desk_door import HERE, Door, open_door

pytestmark = pytest.mark.asyncio

PAGE = "/desk/webhooks"
URL = "https://hooks.example.com/a?b=c&d=e"
SECRET = re.compile(r'value="(whsec_[\w+/=]+)"')
KEY = re.compile(r'name="key" value="(\w+)"')


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    """The desk with a feed, and a browser whose person manages it."""
    async with open_door() as door:
        await door.office.feed()
        await door.sign_in(await door.secret("manage", feeds=["quay"]))
        yield door


async def send(door: Door, path: str = "", **fields: str) -> httpx.Response:
    """Send a form."""
    given = {"feed": "quay", **fields}
    return await door.browser.post(f"{PAGE}{path}", data=given, headers=HERE)


async def listed(door: Door, what: str = "webhooks") -> list[dict[str, Any]]:
    """The webhooks, or dead letters, as the API has them."""
    answer = await door.office.client.get(f"/v1/feeds/quay/{what}")
    found: list[dict[str, Any]] = answer.json()[what.replace("-", "_")]
    return found


async def with_dead_letters(door: Door) -> str:
    """A webhook with two dead letters, of another one's beside it; its id."""
    await send(door, url=URL)
    (hook,) = await listed(door)
    for name, n in ((hook["id"], 1), (hook["id"], 2), ("gone", 3)):
        letter = DeadLetter(f"e1-{n}", "post.published", "it <answered> 500", 9)
        await door.office.store.add_dead_letter("quay", name, letter)
    return str(hook["id"])


async def test_the_form_offers_every_event() -> None:
    """Of those that a feed has."""
    assert EVENTS.keys() == KNOWN_TYPES.keys()


async def test_the_secret_is_shown_once(door: Door) -> None:
    """In the answer that makes the webhook; a reload of it makes no second one."""
    first = await door.browser.get(PAGE, params={"feed": "quay"})
    key = KEY.search(first.text)
    assert key and "There is none yet" in first.text
    given = {"url": URL, "key": key[1], "post.published": "on", "other": "on"}
    answer = await send(door, **given)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    found = SECRET.search(answer.text)
    assert found and "a?b=c&amp;d=e" in answer.text
    again = SECRET.search((await send(door, **given)).text)
    assert again and again[1] == found[1]
    (hook,) = await listed(door)
    assert (hook["url"], hook["events"]) == (URL, ["post.published"])
    # The only feed that this person manages needs no choice.
    for address in (PAGE, f"{PAGE}?feed=quay"):
        page = await door.browser.get(address)
        assert page.status_code == 200 and "whsec_" not in page.text
        assert "A post is published. All is delivered, or given up." in page.text
    assert (await send(door, url=URL, key="no key!")).status_code == 201
    assert len(await listed(door)) == 2
    assert "All events" in (await door.browser.get(PAGE)).text


async def test_how_far_a_webhook_is(door: Door) -> None:
    """In events of the feed's history."""
    await send(door, url=URL)
    (hook,) = await listed(door)
    at = await door.office.store.webhook_cursor("quay", hook["id"])
    for n, text in ((1, "1 event waits"), (2, "2 events wait")):
        given = {"headline": f"Post {n}"}
        await door.office.client.post("/v1/feeds/quay/posts", json=given)
        assert text in (await door.browser.get(PAGE)).text
    other = Cursor("other", at.seq)
    await door.office.store.put_webhook_cursor("quay", hook["id"], other)
    assert "told to read the feed anew" in (await door.browser.get(PAGE)).text


@pytest.mark.parametrize(
    "url", ["", "no address", "ftp://a.example/", URL + "x" * 3000]
)
async def test_what_is_wrong_is_told_and_kept(door: Door, url: str) -> None:
    """The form has what was written, and no webhook is made."""
    answer = await send(door, url=url, **{"feed.updated": "on"})
    assert answer.status_code == 422 and "It is not made: url" in answer.text
    assert 'name="feed.updated" checked' in answer.text
    assert SECRET.search(answer.text) is None and await listed(door) == []


async def test_a_webhook_is_removed(door: Door) -> None:
    """Once more is no fault; both are back on the page of the feed."""
    await send(door, url=URL)
    (hook,) = await listed(door)
    for _ in range(2):
        gone = await send(door, "/remove", webhook=hook["id"])
        assert gone.status_code == 303
        assert gone.headers["location"] == f"{PAGE}?feed=quay"
    assert await listed(door) == []
    told = [what for what, _ in door.office.store.audited]
    assert told[-2:] == ["webhook.created", "webhook.deleted"]


async def test_dead_letters_are_sent_again(door: Door) -> None:
    """One, then all that are left; those of other webhooks are not shown."""
    hook = await with_dead_letters(door)
    page = (await door.browser.get(PAGE)).text
    assert "Not delivered: 2" in page and "it &lt;answered&gt; 500" in page
    assert page.count('name="letter"') == 2 and "gone.e1-3" not in page
    sent = await send(door, "/resend", webhook=hook, letter=f"{hook}.e1-1")
    assert sent.headers["location"] == f"{PAGE}?feed=quay"

    async def queued() -> list[str]:
        letters = await listed(door, "dead-letters")
        return sorted(one["cursor"] for one in letters if one["resending"])

    assert await queued() == ["e1-1"]
    page = (await door.browser.get(PAGE)).text
    assert page.count('name="letter"') == 1 and "Is being sent again" in page
    for _ in range(2):
        assert (await send(door, "/resend", webhook=hook)).status_code == 303
    assert await queued() == ["e1-1", "e1-2"]
    # Delivered, or removed, in the meantime.
    for given in ({"webhook": hook, "letter": "x"}, {"webhook": "gone"}):
        assert (await send(door, "/resend", **given)).status_code == 303


async def test_only_managers_of_the_feed() -> None:
    """Nobody else sees or changes anything, whether or not the feed exists."""
    async with open_door() as door:
        await door.office.feed()
        for secret, has_link in (
            (await door.secret("publish"), False),
            (await door.secret("manage", feeds=["other"]), True),
        ):
            await door.sign_in(secret)
            for feed in ("quay", "missing"):
                query = {"feed": feed}
                for answer in (
                    await door.browser.get(PAGE, params=query),
                    await send(door, url=URL, feed=feed),
                    await send(door, "/remove", webhook="x", feed=feed),
                    await send(door, "/resend", webhook="x", feed=feed),
                ):
                    assert answer.status_code == 403
                    assert "the scope <code>manage</code>" in answer.text
            desk = (await door.browser.get("/desk")).text
            assert (PAGE in desk) is has_link
        # The second one may manage another feed: the page lists none of these.
        page = await door.browser.get(PAGE)
        assert page.status_code == 200 and "quay" not in page.text
        assert await listed(door) == []


async def test_a_feed_that_is_not_there(door: Door) -> None:
    """Where somebody manages all feeds: it is said on the page."""
    await door.sign_in(await door.secret("manage"))
    for answer in (
        await door.browser.get(PAGE, params={"feed": "<gone>"}),
        await send(door, url=URL, feed="<gone>"),
    ):
        assert answer.status_code == 404
        assert "There is no feed <bdi>&lt;gone&gt;" in answer.text
    for path in ("/remove", "/resend"):
        gone = await send(door, path, webhook="x", feed="a&b=c")
        assert gone.headers["location"] == f"{PAGE}?feed=a%26b%3Dc"


async def test_another_site_and_strangers_change_nothing(door: Door) -> None:
    """A form counts from our own pages alone, and with a session."""
    hook = await with_dead_letters(door)
    for path in ("", "/remove", "/resend"):
        data = {"feed": "quay", "url": URL, "webhook": hook}
        for headers in ({"origin": "https://evil.example"}, {}):
            refused = await door.browser.post(
                f"{PAGE}{path}", data=data, headers=headers
            )
            assert refused.status_code == 403
        async with door.other(str(door.browser.base_url)) as stranger:
            asked = await stranger.post(f"{PAGE}{path}", data=data, headers=HERE)
            assert asked.status_code == 401 and 'name="token"' in asked.text
    async with door.other(str(door.browser.base_url)) as stranger:
        page = await stranger.get(PAGE, params={"feed": "quay"})
        assert page.status_code == 200 and 'name="token"' in page.text
    assert [one["id"] for one in await listed(door)] == [hook]
    letters = await listed(door, "dead-letters")
    assert not any(one["resending"] for one in letters)
