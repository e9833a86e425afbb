"""Readers get what they show, and those who may publish the whole post."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.conftest import Server
from tests.contract.server.asking import SHARED_CACHE, events, problem, read

LINE_BYTES = 560
"""What a post of 300 bytes may take as one message on the line."""
FULL = {"cache-control": "private, no-store", "vary": "Authorization, Cookie"}
ROUTES = ("/v1/feeds/{feed}", "/v1/feeds/{feed}/posts", "/v1/feeds/{feed}/posts/{post}")


def members(value: object) -> Iterator[tuple[str, object]]:
    """Every member of every object in a JSON value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from members(inner)
    elif isinstance(value, list):
        for item in value:
            yield from members(item)


def is_short(post: dict[str, Any]) -> bool:
    """Whether nothing in it is null, false or empty."""
    return all(held not in (None, False, "", []) for _, held in members(post))


def has_private(value: object) -> bool:
    """Whether it holds what is for editors alone."""
    return any(name in ("body", "external_id") for name, _ in members(value))


def published(server: Server, **fields: Any) -> tuple[str, dict[str, Any]]:
    """A feed with one post that has something private."""
    feed = server.new_feed()
    post = server.publish(feed, "The *river* rises.", external_id="wire-1", **fields)
    return feed, post["post"]


def holder(server: Server, *scopes: str, feed: str = "") -> dict[str, str]:
    """What a token with those scopes is sent with."""
    given = {"scopes": list(scopes)} | ({"feeds": [feed]} if feed else {})
    secret = server.request("POST", "/v1/tokens", given).json()["token"]
    return {"authorization": f"Bearer {secret}"}


def test_a_post_message_is_small(server: Server) -> None:
    """300 bytes of text, slug `lab`, no headline; the same bytes on every transport."""
    made = server.request("POST", "/v1/feeds", {"slug": "lab", "title": "Lab"})
    assert made.status_code == 201
    start = read(server, "/v1/feeds/lab").json()["cursor"]
    url = server.url.replace("http", "ws", 1)
    body = ("It is raining on the old bridge. " * 10)[:300].strip().ljust(300, ".")
    with connect(f"{url}/v1/live?feed=lab") as line:
        line.recv(timeout=60)
        server.publish("lab", body)
        message = line.recv(timeout=60, decode=False)
    assert len(message) <= LINE_BYTES
    (event,) = events(server, "lab", start)
    assert body in event["post"]["html"] and is_short(event["post"])


def test_private_members_are_on_no_public_route(server: Server) -> None:
    """Nor on the live line, also for publishers; nor in pages or feeds."""
    feed, post = published(server)
    start = read(server, f"/v1/feeds/{feed}").json()["cursor"]
    for route in ROUTES:
        path = route.format(feed=feed, post=post["id"])
        answer = read(server, path)
        assert answer.headers["cache-control"] == SHARED_CACHE
        assert "cookie" not in answer.headers["vary"].lower()
        assert not has_private(answer.json())
    path = f"/v1/feeds/{feed}/posts/{post['id']}"
    server.request("PATCH", path, {"body": "It *falls*."}, if_match='"1"')
    since = f"/v1/feeds/{feed}/events?wait=25&since={start}"
    for answer in (read(server, since), server.request("GET", since)):
        assert answer.json()["events"] and not has_private(answer.json())
    for page in ("", "/atom.xml", "/feed.json", f"/{post['id']}"):
        answer = server.request("GET", f"/live/{feed}{page}")
        assert "falls" in answer.text
        assert "wire-1" not in answer.text and "*falls*" not in answer.text


@pytest.mark.parametrize("route", ROUTES)
def test_publishers_get_all_members(server: Server, route: str) -> None:
    """Not cacheable, with an ETag of its own where it is not the revision."""
    feed, post = published(server)
    path = route.format(feed=feed, post=post["id"])
    public, full = read(server, path), server.request("GET", path)
    assert {name: full.headers[name] for name in FULL} == FULL
    assert full.headers["access-control-allow-origin"] == "*"
    assert ("wire-1" in full.text) and ("*river*" in full.text)
    tag = full.headers["etag"]
    assert (tag == public.headers["etag"]) == route.endswith("{post}")
    # A client that holds the readers' form, and has more rights since, gets the rest.
    headers = {"if_none_match": public.headers["etag"]}
    assert server.request("GET", path, **headers).status_code == 200
    again = server.request("GET", path, if_none_match=tag)
    assert again.status_code == (200 if route.endswith("{post}") else 304)
    head = server.request("HEAD", path)
    assert (head.status_code, head.headers["etag"], head.text) == (200, tag, "")
    at = read(server, f"/v1/feeds/{feed}").json()["cursor"]
    assert server.request("GET", f"{path}?at={at}").json() == full.json()


def test_the_etags_of_both_forms_differ(server: Server) -> None:
    """Also for an empty feed, which is the same in both forms."""
    feed = server.new_feed()
    for path in (f"/v1/feeds/{feed}", f"/v1/feeds/{feed}/posts"):
        public, full = read(server, path), server.request("GET", path)
        assert public.content == full.content
        assert public.headers["etag"] != full.headers["etag"]


def test_all_members_need_the_right_to_publish_in_the_feed(server: Server) -> None:
    """The right to read, or to publish elsewhere, is not enough."""
    feed, post = published(server)
    elsewhere = server.new_feed()
    for route in ROUTES:
        url = server.url + route.format(feed=feed, post=post["id"])
        for headers in (
            holder(server, "read"),
            holder(server, "publish", feed=elsewhere),
        ):
            answer = httpx.get(url, headers=headers, trust_env=False)
            assert not has_private(answer.json())
        answer = httpx.get(
            url, headers=holder(server, "publish", feed=feed), trust_env=False
        )
        assert has_private(answer.json())


def test_writers_get_the_whole_post(server: Server) -> None:
    """In the answer, in a repeated one, and in a refusal that shows the post."""
    feed = server.new_feed()
    path = f"/v1/feeds/{feed}/posts"
    given = {"body": "The *river* rises.", "external_id": "wire-1"}
    made = server.request("POST", path, given, idempotency_key="k")
    again = server.request("POST", path, given, idempotency_key="k")
    taken = server.request("POST", path, given)
    post = made.json()["post"]
    one = f"{path}/{post['id']}"
    stale = server.request("PATCH", one, {"body": "x"}, if_match='"7"')
    shown = (again.json()["post"], problem(taken, 409)["post"], stale.json()["current"])
    assert shown == (post, post, post)
    assert post["body"] == given["body"] and is_short(post)
    for answer in (made, again, taken, stale):
        assert {name: answer.headers[name] for name in FULL} == FULL


def test_an_absent_member_means_its_default(server: Server) -> None:
    """In posts and feeds, wherever they are shown; `updated_at` too."""
    media = [{"type": "image", "url": "/a.svg", "alt": "", "caption": "c"}]
    feed, post = published(server, headline="", media=media)
    assert is_short(post) and "updated_at" not in post
    snapshot = read(server, f"/v1/feeds/{feed}").json()
    assert is_short(snapshot["feed"]) and is_short({"posts": snapshot["posts"]})
    assert snapshot["feed"]["updated_at"] == snapshot["feed"]["created_at"]
    listed = server.request("GET", "/v1/feeds?all=true").json()["feeds"]
    assert all(is_short(one) for one in listed)
    path = f"/v1/feeds/{feed}/posts/{post['id']}"
    patch = {"pinned": True, "headline": "Bridge"}
    changed = server.request("PATCH", path, patch, if_match='"1"').json()["post"]
    assert changed["updated_at"] > changed["published_at"] and changed["body"]
    back = {"pinned": False, "headline": None}
    changed = server.request("PATCH", path, back, if_match='"2"').json()["post"]
    assert is_short(changed) and not {"pinned", "headline"} & changed.keys()
    assert changed["body"] == post["body"]
    summary = server.request("PATCH", f"/v1/feeds/{feed}", {"summary": ""}).json()
    assert is_short(summary)
