"""What every release wrote is read, edited, withdrawn and followed by this one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from stoppress.client.reader import follow
from stoppress.client.transports import Transport
from stoppress.domain.cursor import Cursor
from stoppress.domain.event import KNOWN_TYPES, Effect
from stoppress.domain.fold import fold, from_snapshot
from stoppress.log.pubsub_message import announced, parse
from tests.conftest import Server
from tests.contract.server.kept_sets import ADMIN, FEEDS, load, sets
from tests.contract.store.servers import Server as Store
from tests.plain_http import PATIENCE_S, PLAIN

SETS = sets()


class Release:
    """This release, on what another one kept."""

    def __init__(self, server: Server, found: Any) -> None:
        self.server = server
        self.set = found

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One call, as the admin unless the headers say otherwise."""
        headers = {"authorization": f"Bearer {ADMIN}"} | more.pop("headers", {})
        return httpx.request(
            method,
            self.server.url + path,
            headers=headers,
            timeout=PATIENCE_S,
            trust_env=False,
            verify=PLAIN,
            **more,
        )

    def ok(self, method: str, path: str, **more: Any) -> Any:
        """One call that has to succeed; its answer."""
        answer = self.request(method, path, **more)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def posts(self, feed: str) -> list[Any]:
        """Every post there is."""
        posts: list[Any] = self.ok("GET", f"/v1/feeds/{feed}/posts?limit=100")["posts"]
        return posts

    def last(self, feed: str) -> dict[str, Any]:
        """What an open tab was told last of each post."""
        reported: dict[str, Any] = {}
        for message in self.set["line"]:
            if message["feed"] == feed and "post" in message:
                reported[message["post"]["id"]] = message["post"]
        return {name: post for name, post in reported.items() if "rev" in post}


@pytest.fixture(params=SETS)
def release(
    request: pytest.FixtureRequest, serving: Callable[..., Any], tmp_path: Path
) -> Iterator[Release]:
    """A server on a Redis that holds the set."""
    found = SETS[request.param]
    store = Store("valkey", tmp_path / "store")
    store.start()
    try:
        with store.client() as client:
            load(client, found)
        settings = {"STOPPRESS_ADMIN_TOKEN": ADMIN, "STOPPRESS_LOG_DAYS": "0"}
        data = tmp_path / "data"
        with serving(data, "--redis", store.url, **settings) as server:
            yield Release(server, found)
    finally:
        store.kill()


def test_kept_data_is_read(release: Release, tmp_path: Path) -> None:
    """By readers and editors, on every page, and exported as a whole."""
    for feed in FEEDS:
        shown = release.posts(feed)
        reported = release.last(feed)
        assert {post["id"] for post in shown} == reported.keys()
        for post in shown:
            was = reported[post["id"]]
            assert (post["rev"], post["published_at"]) == (
                was["rev"],
                was["published_at"],
            )
            assert (post.get("headline"), post.get("html")) == (
                was.get("headline"),
                was.get("html") or None,
            )
            release.ok("GET", f"/v1/feeds/{feed}/posts/{post['id']}")
        assert (
            release.ok("GET", f"/v1/feeds/{feed}")["cursor"]
            == (release.set["cursors"][feed][-1])
        )
    for path in ("/", "/live/flood", "/live/flood/atom.xml", "/live/flood/feed.json"):
        assert release.request("GET", path).status_code == 200
    made = subprocess.run(
        [sys.executable, "-m", "stoppress", "export", "flood"]
        + ["--url", release.server.url, "--token", ADMIN],
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE_S,
    )
    assert made.stdout.count(b'{"post":') == len(release.posts("flood"))
    assert made.stdout.count(b'{"withdrawn":') == 1


def test_kept_data_is_edited_and_withdrawn(release: Release) -> None:
    """Every post, by its revision; every feed; then every post is taken down."""
    for feed in FEEDS:
        path = f"/v1/feeds/{feed}"
        changed = release.ok("PATCH", path, json={"title": "Another"})
        assert changed["title"] == "Another"
        for post in release.posts(feed):
            name, rev = post["id"], post["rev"]
            headers = {"if-match": f'"{rev}"'}
            edited = release.ok(
                "PATCH",
                f"{path}/posts/{name}",
                json={"body": "new", "pinned": not post.get("pinned")},
                headers=headers,
            )["post"]
            assert edited["id"] == name and edited["rev"] > rev
            assert "new" in edited["html"]
            assert edited.get("headline") == post.get("headline")
            assert edited.get("tags") == post.get("tags")
        for post in release.posts(feed):
            release.ok("DELETE", f"{path}/posts/{post['id']}")
        assert release.posts(feed) == []
        release.ok("DELETE", path)
        assert release.request("GET", path).status_code == 404


def test_kept_idempotency_records_and_tokens_still_count(release: Release) -> None:
    """A repeated key is the same write; tokens keep their scopes; ids stay taken."""
    before = {feed: release.ok("GET", f"/v1/feeds/{feed}")["cursor"] for feed in FEEDS}
    for call in release.set["repeats"]:
        answer = release.ok(
            call["method"],
            call["path"],
            json=call["given"],
            headers=call["headers"],
        )
        was = call["answer"] or {}
        assert (answer or {}).get("cursor") == was.get("cursor")
        assert ((answer or {}).get("post") or {}).get("id") == (
            (was.get("post") or {}).get("id")
        )
    after = {feed: release.ok("GET", f"/v1/feeds/{feed}")["cursor"] for feed in FEEDS}
    assert after == before
    for name, secret in release.set["secrets"].items():
        headers = {"authorization": f"Bearer {secret}"}
        assert release.request("GET", "/v1/feeds/vote", headers=headers).is_success
        wrote = release.request(
            "POST", "/v1/feeds/vote/posts", json={"body": "x"}, headers=headers
        )
        assert wrote.status_code == (403 if name == "read" else 201)
    listed = release.ok("GET", "/v1/tokens")["tokens"]
    assert {one["name"] for one in listed} == release.set["secrets"].keys()
    release.ok("DELETE", f"/v1/tokens/{listed[0]['id']}")
    for external_id in ("wire/7", "wire/8"):
        given = {"body": "again", "external_id": external_id}
        taken = release.request("POST", "/v1/feeds/flood/posts", json=given)
        assert taken.status_code == 409


def test_kept_cursors_are_resumed(release: Release) -> None:
    """A tab opened under that release resumes: no reset, no event missing."""
    last = release.ok("POST", "/v1/feeds/flood/posts", json={"body": "new"})["cursor"]
    end = Cursor.parse(last)

    async def received(since: str, by: Transport) -> list[Any]:
        found = []
        line = follow(
            release.server.url, "flood", since=since, token=ADMIN, transport=by
        )
        async with asyncio.timeout(PATIENCE_S), aclosing(line) as messages:
            async for message in messages:
                found.append(message)
                if message["cursor"] == last:
                    break
        return found

    transports: tuple[Transport, ...] = ("websocket", "sse", "poll")
    for by, since in product(transports, release.set["cursors"]["flood"]):
        found = asyncio.run(received(since, by))
        seqs = [Cursor.parse(one["cursor"]).seq for one in found]
        assert seqs == list(range(Cursor.parse(since).seq + 1, end.seq + 1)), by
        assert all(one["type"] in KNOWN_TYPES for one in found), by
    # What the tab holds, with all that it was told then and now, is what is there.
    state = from_snapshot(release.set["snapshots"]["flood"])
    for message in (*release.set["line"], *found):
        if message["feed"] == "flood" and message["type"] in KNOWN_TYPES:
            state = fold(state, message)
    assert [post["id"] for post in state.ordered()] == [
        post["id"] for post in release.posts("flood")
    ]


@pytest.mark.parametrize("name", SETS)
def test_messages_of_an_earlier_release_are_read(name: str) -> None:
    """A process of that release may write at the same time."""
    for feed, raw in SETS[name]["pubsub"]:
        if announced(raw.encode()):
            continue  # the mark of the message after it
        message = parse(feed, raw.encode())
        assert message is not None and message.event is not None
        assert message.event.type.effect is not Effect.NOTHING
