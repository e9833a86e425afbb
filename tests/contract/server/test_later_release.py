"""A server on a Redis that a later release writes too, or where one feed is damaged.

What the later release does is played here, by writing what its scripts would: entries,
messages, members and scopes that this release does not know.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from stoppress.client.reader import follow
from stoppress.client.transports import Transport
from stoppress.domain.signed_redis_inbox_entry import token_digest
from stoppress.log.redis_keys import TOKENS, feed_keys
from tests.conftest import Server
from tests.contract.store.servers import Server as Store
from tests.plain_http import PLAIN
from tests.waiting import wait_until

LATER = "later.noted"
SECRET = "known-to-the-later-release-alone"


class Site:
    """A server, and the Redis below it."""

    def __init__(self, server: Server, store: Store) -> None:
        self.server = server
        self.store = store

    def later_event(self, feed: str, post: str = "") -> str:
        """What the later release's script does for an event of its own; its cursor."""
        keys = feed_keys(feed)
        at = time.time_ns() // 1_000_000
        with self.store.client() as client:
            epoch = client.hget(keys.meta, "epoch").decode()
            seq = client.hincrby(keys.meta, "seq", 1)
            entry = {"type": LATER, "post": post, "rev": 1, "at": at, "more": SECRET}
            client.xadd(keys.log, entry, id=f"{seq}-0")
            line = f'{epoch}-{seq} {LATER} {at} {post}\n{{"more":"{SECRET}"}}'
            client.execute_command("SPUBLISH", keys.line, line)
        return f"{epoch}-{seq}"

    def change_kept(self, feed: str, post: str, change: Callable[[Any], None]) -> None:
        """Change a kept post (or the feed, "") behind the server's back."""
        keys = feed_keys(feed)
        with self.store.client() as client:
            if post:
                rev, _, body = client.hget(keys.posts, post).partition(b" ")
            else:
                rev, body = b"", client.hget(keys.meta, "feed")
            value = json.loads(body)
            change(value)
            body = json.dumps(value, separators=(",", ":")).encode()
            if post:
                client.hset(keys.posts, post, rev + b" " + body)
            else:
                client.hset(keys.meta, "feed", body)

    def kept(self, feed: str, post: str = "") -> Any:
        """What is kept of a post or the feed."""
        keys = feed_keys(feed)
        with self.store.client() as client:
            if post:
                return json.loads(client.hget(keys.posts, post).partition(b" ")[2])
            return json.loads(client.hget(keys.meta, "feed"))

    def get(self, path: str, **headers: str) -> httpx.Response:
        """What a reader gets."""
        return httpx.get(
            self.server.url + path,
            headers=headers,
            timeout=60,
            trust_env=False,
            verify=PLAIN,
        )


@pytest.fixture(scope="module")
def site(
    serving: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The server of this module."""
    folder = tmp_path_factory.mktemp("later")
    store = Store("valkey", folder / "store")
    try:
        store.start()
        with serving(folder / "data", "--redis", store.url) as server:
            yield Site(server, store)
    finally:
        store.kill()


def pages(feed: str, post: str) -> list[str]:
    """Everything readers ask for."""
    return [
        *("/", "/v1/feeds", "/sitemap.xml", f"/live/{feed}", f"/live/{feed}/{post}"),
        *(f"/v1/feeds/{feed}", f"/v1/feeds/{feed}/posts", f"/embed/{feed}"),
        f"/v1/feeds/{feed}/posts/{post}",
        *(f"/live/{feed}/atom.xml", f"/live/{feed}/feed.json"),
        f"/live/{feed}/others.json",
    ]


def all_well(site: Site, feed: str, post: str) -> None:
    """Every page is there, and shows nothing of the later release."""
    for path in pages(feed, post):
        answer = site.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert SECRET not in answer.text, path


async def received(site: Site, feed: str, since: str, by: Transport, count: int) -> Any:
    """So many messages that follow on a cursor."""
    found: list[Any] = []
    line = follow(site.server.url, feed, since=since, transport=by)
    async with asyncio.timeout(60), aclosing(line) as messages:
        async for message in messages:
            found.append(message)
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("by", ["websocket", "sse", "poll"])
def test_an_unknown_event_type_is_passed_to_readers(site: Site, by: Transport) -> None:
    """Live and replayed: as type, feed, cursor and at; pages ignore it."""
    feed, other = site.server.new_feed(), site.server.new_feed()
    start = site.get(f"/v1/feeds/{feed}").json()["cursor"]
    post = site.server.publish(feed, "one", key=True)["post"]["id"]
    site.server.publish(other, "elsewhere", key=True)
    all_well(site, feed, post)
    cursor = site.later_event(feed, post)
    last = site.server.publish(feed, "two", key=True)
    found = asyncio.run(received(site, feed, start, by, 3))
    assert [one["type"] for one in found] == ["post.published", LATER, "post.published"]
    assert found[1].keys() == {"type", "feed", "cursor", "at"}
    assert (found[1]["cursor"], found[2]["cursor"]) == (cursor, last["cursor"])
    snapshot = site.get(f"/v1/feeds/{feed}").json()
    assert snapshot["cursor"] == last["cursor"]
    assert len(snapshot["posts"]) == 2
    all_well(site, feed, post)


def test_a_stream_names_the_type_of_the_event(site: Site) -> None:
    """As for every other: `event:` is the type, `id:` the cursor."""
    feed = site.server.new_feed()
    start = site.get(f"/v1/feeds/{feed}").json()["cursor"]
    cursor = site.later_event(feed)
    with httpx.stream(
        "GET",
        f"{site.server.url}/v1/feeds/{feed}/events?since={start}",
        headers={"accept": "text/event-stream"},
        timeout=60,
        trust_env=False,
        verify=PLAIN,
    ) as answer:
        lines: list[str] = []
        for line in answer.iter_lines():
            lines.append(line)
            if LATER in line and line.startswith("data:"):
                break
    assert f"event: {LATER}" in lines
    assert f"id: {cursor}" in lines


def test_unknown_members_survive_every_edit(site: Site) -> None:
    """PATCH, the pin of another post, PATCH of the feed; no reader gets them."""
    feed = site.server.new_feed()
    post = site.server.publish(
        feed, "one", pinned=True, authors=[{"name": "Ada"}], source={"name": "Wire"}
    )["post"]["id"]

    def add(value: Any) -> None:
        value["place"] = {"name": SECRET}

    def add_inside(value: Any) -> None:
        add(value)
        value["authors"][0]["rank"] = SECRET
        value["source"]["kind"] = SECRET

    site.change_kept(feed, post, add_inside)
    site.change_kept(feed, "", add)
    patch = {"headline": "Gale"}
    path = f"/v1/feeds/{feed}/posts/{post}"
    edited = site.server.request("PATCH", path, patch, if_match='"1"')
    assert edited.status_code == 200 and SECRET not in edited.text
    stale = site.server.request("PATCH", path, patch, if_match='"1"')
    assert stale.status_code == 412 and SECRET not in stale.text
    site.server.publish(feed, "two", pinned=True)
    kept = site.kept(feed, post)
    assert (kept["headline"], kept["rev"]) == ("Gale", 3) and "pinned" not in kept
    assert kept["place"] == {"name": SECRET}
    assert kept["authors"] == [{"name": "Ada", "rank": SECRET}]
    assert kept["source"] == {"name": "Wire", "kind": SECRET}
    changed = site.server.request("PATCH", f"/v1/feeds/{feed}", {"title": "New"})
    assert changed.status_code == 200 and SECRET not in changed.text
    assert site.kept(feed)["place"] == {"name": SECRET}
    all_well(site, feed, post)
    start = _start(edited.json()["cursor"])
    since = f"/v1/feeds/{feed}/events?wait=0&since={start}"
    wait_until(lambda: "Gale" in site.get(since).text)
    assert SECRET not in site.get(since).text
    assert site.server.request("DELETE", path).status_code == 204
    assert site.get(path).status_code == 410


def _start(cursor: str) -> str:
    """Where that epoch began."""
    return cursor.rpartition("-")[0] + "-0"


def test_unknown_scopes_are_ignored(site: Site) -> None:
    """The token keeps its known scopes, and is listed without the others."""
    record = {"id": "later", "name": "x", "scopes": ["sing", "write"], "feeds": None}
    record |= {"created_at": "2026-11-22T09:20:00.000Z", "more": SECRET}
    feed = site.server.new_feed()
    with site.store.client() as client:
        client.hset(TOKENS, token_digest("sp_later"), json.dumps(record))
    made = site.server.request(
        "POST",
        f"/v1/feeds/{feed}/posts",
        {"body": "x"},
        authorization="Bearer sp_later",
    )
    assert made.status_code == 201, made.text
    listed = site.server.request("GET", "/v1/tokens")
    assert listed.status_code == 200 and SECRET not in listed.text
    (shown,) = [one for one in listed.json()["tokens"] if one["id"] == "later"]
    assert shown["scopes"] == ["manage"]
    with site.store.client() as client:
        assert json.loads(client.hget(TOKENS, token_digest("sp_later"))) == record


@pytest.mark.parametrize("damage", [b"{no JSON", b"", b'{"slug":1}', b"\xff"])
def test_a_damaged_feed_affects_no_other_page(site: Site, damage: bytes) -> None:
    """It is left out of lists and boxes."""
    broken, feed = site.server.new_feed(), site.server.new_feed()
    post = site.server.publish(feed, "one")["post"]["id"]
    site.server.publish(broken, "two")
    assert site.get(f"/live/{broken}").status_code == 200
    keys = feed_keys(broken)
    with site.store.client() as client:
        was = client.hget(keys.meta, "feed")
        client.hset(keys.meta, "feed", damage)
    all_well(site, feed, post)
    listed = site.get("/v1/feeds").json()["feeds"]
    assert feed in {one["slug"] for one in listed}
    assert broken not in {one["slug"] for one in listed}
    with site.store.client() as client:
        client.hset(keys.meta, "feed", was)
    assert site.get(f"/v1/feeds/{broken}").status_code == 200
    assert site.get("/readyz").status_code == 200


def test_a_damaged_post_affects_no_other_page(site: Site) -> None:
    """Also if it is the newest of its feed and would appear in others' boxes."""
    broken, feed = site.server.new_feed(), site.server.new_feed()
    post = site.server.publish(feed, "one")["post"]["id"]
    bad = site.server.publish(broken, "two")["post"]["id"]
    keys = feed_keys(broken)
    with site.store.client() as client:
        client.hset(keys.posts, bad, b"1 {no JSON")
    # The newest of the other feed is read anew when that feed moves.
    site.later_event(broken)
    all_well(site, feed, post)
    assert site.get("/readyz").status_code == 200
