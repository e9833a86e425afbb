"""A feed whose keys in Redis are damaged: its routes say so, other feeds go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from stoppress.log.redis_keys import FeedKeys, feed_keys
from tests.conftest import Server
from tests.contract.store.servers import Server as Store
from tests.plain_http import PLAIN

Damage = Callable[[Any, FeedKeys, str], object]
"""Called with a client, the names of the feed's keys and the id of its newest post."""


class Below:
    """A server, and the Redis below it."""

    def __init__(self, server: Server, store: Store) -> None:
        self.server = server
        self.store = store

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx.Response:
        """An answer without a token, or with one given as `authorization`."""
        return httpx.request(
            method,
            self.server.url + path,
            json=body,
            headers={name.replace("_", "-"): text for name, text in headers.items()},
            timeout=60,
            trust_env=False,
            verify=PLAIN,
        )


@pytest.fixture(scope="module")
def below(
    serving: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Below]:
    """The server of this module."""
    folder = tmp_path_factory.mktemp("damaged")
    store = Store("valkey", folder / "store")
    try:
        store.start()
        with serving(folder / "data", "--redis", store.url) as server:
            yield Below(server, store)
    finally:
        store.kill()


def of_another_type(name: str) -> Damage:
    """The key holds a text where a hash, a stream or a sorted set belongs."""

    def damage(client: Any, keys: FeedKeys, post: str) -> None:
        client.set(getattr(keys, name), b"\xff")

    return damage


def field(name: str, value: bytes) -> Damage:
    """A field of the feed's meta holds this."""
    return lambda client, keys, post: client.hset(keys.meta, name, value)


def of_post(value: bytes) -> Damage:
    """What is kept of the newest post is this."""
    return lambda client, keys, post: client.hset(keys.posts, post, value)


DAMAGES: dict[str, Damage] = {
    "meta": of_another_type("meta"),
    "log": of_another_type("log"),
    "posts": of_another_type("posts"),
    "order": of_another_type("order"),
    "ext": of_another_type("ext"),
    "revisions": of_another_type("revisions"),
    "feed-bytes": field("feed", b"\xff\xfe"),
    "feed-json": field("feed", b"{no JSON"),
    "feed-type": field("feed", b'{"slug":1}'),
    "no-feed": lambda client, keys, post: client.hdel(keys.meta, "feed"),
    "seq": field("seq", b"\xff"),
    "no-seq": lambda client, keys, post: client.hdel(keys.meta, "seq"),
    "rev": field("rev", b"\xff"),
    "epoch": field("epoch", b"\xff\xfe"),
    "pinned": field("pinned", b"\xff\xfe"),
    "post-bytes": of_post(b"\xff\xfe"),
    "post-json": of_post(b"1 {no JSON"),
    "post-body-bytes": of_post(b"1 \xff\xfe"),
    "order-id": lambda client, keys, post: client.zadd(keys.order, {b"\xff": 9e15}),
    "no-post": lambda client, keys, post: client.hdel(keys.posts, post),
    "entry": lambda client, keys, post: client.xadd(
        keys.log, {b"\xff": b"\xff", b"type": b"\xff", b"post": b"\xff"}, id="99-0"
    ),
}


def reads(feed: str, post: str) -> list[str]:
    """Every address of the feed that is read, for readers and for editors."""
    api, page = f"/v1/feeds/{feed}", f"/live/{feed}"
    return [
        *(api, f"{api}?at=aaaaaaaa-1", f"{api}/posts", f"{api}/posts?key=true"),
        *(f"{api}/posts?tag=rail", f"{api}/posts/{post}", f"{api}/withdrawn"),
        *(f"{api}/events?since=aaaaaaaa-1&wait=0", page, f"{page}/{post}"),
        f"{api}/posts/{post}/revisions",
        *(f"{page}/atom.xml", f"{page}/feed.json", f"{page}/others.json"),
        *(f"/embed/{feed}", f"/oembed?url=http://127.0.0.1{page}", f"{page}?key=true"),
    ]


def writes(feed: str, post: str) -> list[tuple[str, str, Any]]:
    """Every call that changes the feed; the last one deletes it."""
    api = f"/v1/feeds/{feed}"
    return [
        ("POST", f"{api}/posts", {"body": "more", "external_id": "e-2"}),
        ("POST", f"{api}/posts", {"body": "more", "pinned": True}),
        ("PATCH", f"{api}/posts/{post}", {"headline": "New"}),
        ("DELETE", f"{api}/posts/{post}", None),
        ("POST", f"{api}/posts/{post}/restore", None),
        ("PATCH", api, {"title": "New"}),
        ("DELETE", api, None),
    ]


@pytest.mark.parametrize("name", DAMAGES)
def test_every_route_of_a_damaged_feed_reports_the_damage(
    below: Below, name: str
) -> None:
    """No answer is 500; another feed is read and written as before."""
    server = below.server
    feed, other = server.new_feed(), server.new_feed()
    server.publish(feed, "first", key=True, external_id="e-1")
    post = server.publish(feed, "second", tags=["rail"], pinned=True)["post"]["id"]
    kept = server.publish(other, "elsewhere")["post"]["id"]
    assert below.ask("GET", f"/live/{feed}").status_code == 200
    with below.store.client() as client:
        DAMAGES[name](client, feed_keys(feed), post)
    token = {"authorization": f"Bearer {server.token}"}
    answers: list[tuple[str, httpx.Response]] = []
    for path in reads(feed, post):
        answers.append((path, below.ask("GET", path)))
        answers.append((f"{path} by an editor", below.ask("GET", path, **token)))
    for method, path, body in writes(feed, post):
        answer = below.ask(method, path, body, if_match="*", **token)
        answers.append((f"{method} {path}", answer))
    wrong = [
        f"{what}: {answer.status_code} {answer.text[:300]}"
        for what, answer in answers
        if answer.status_code >= 500 and answer.status_code != 503
    ]
    assert not wrong, "\n".join(wrong)
    for _, answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"]
            if "json" in answer.headers["content-type"]:
                assert answer.json()["type"].endswith("unavailable")
    for path in (f"/live/{other}", f"/v1/feeds/{other}/posts/{kept}", "/", "/v1/feeds"):
        assert below.ask("GET", path).status_code == 200, path
    server.publish(other, "still here")
    assert below.ask("GET", "/readyz").status_code == 200


@pytest.mark.parametrize("name", ["log", "posts", "order", "ext", "revisions"])
def test_a_refused_write_leaves_nothing_behind(below: Below, name: str) -> None:
    """Once the Redis key is repaired, a repeat publishes once; no event was lost."""
    server = below.server
    feed = server.new_feed()
    server.publish(feed, "first", external_id="e-1")
    keys = feed_keys(feed)
    damaged = getattr(keys, name)
    path = f"/v1/feeds/{feed}/posts"
    more = {"authorization": f"Bearer {server.token}", "idempotency_key": "k"}
    with below.store.client() as client:
        whole = client.dump(damaged)
        was = client.hget(keys.meta, "seq")
        client.set(damaged, b"x")
        for _ in range(2):
            answer = below.ask("POST", path, {"body": "second"}, **more)
            assert answer.status_code == 503
        assert client.hget(keys.meta, "seq") == was
        client.restore(damaged, 0, whole, replace=True)
    answers = [below.ask("POST", path, {"body": "second"}, **more) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    epoch, _, seq = answers[0].json()["cursor"].rpartition("-")
    assert int(seq) == int(was) + 1
    found = below.ask("GET", f"/v1/feeds/{feed}?at={epoch}-{seq}").json()["posts"]
    assert ["second" in post["html"] for post in found] == [True, False]
