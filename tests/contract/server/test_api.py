"""The API as an editor and a reader meet it: every row of the contract's table.

From outside, by HTTP, over a real server and a real store. What needs no server is
in tests/unit/web.
"""

from __future__ import annotations

import json
from itertools import count

import httpx
import pytest

from tests.conftest import Server
from tests.contract.server.asking import (
    SHARED_CACHE,
    events,
    problem,
    public,
    read,
    said,
)

_keys = count(1)


def test_feeds_are_created_changed_and_deleted(server: Server) -> None:
    """Created, listed, read, changed, deleted, created again in another epoch."""
    slug = f"made-{next(_keys)}"
    given = {"slug": slug, "title": "Quay", "timezone": "Europe/Istanbul"}
    made = server.request("POST", "/v1/feeds", given)
    assert made.status_code == 201 and made.json()["slug"] == slug
    assert problem(server.request("POST", "/v1/feeds", given), 409)
    assert slug in [f["slug"] for f in read(server, "/v1/feeds").json()["feeds"]]
    snapshot = read(server, f"/v1/feeds/{slug}")
    assert set(snapshot.json()) == {"feed", "cursor", "posts", "pinned", "next"}
    assert snapshot.headers["cache-control"] == SHARED_CACHE
    cursor = snapshot.json()["cursor"]
    changed = server.request("PATCH", f"/v1/feeds/{slug}", {"status": "paused"})
    assert (changed.status_code, changed.json()["rev"]) == (200, 2)
    (event,) = events(server, slug, cursor)
    assert (event["type"], event["value"]) == ("feed.updated", changed.json())
    stale = server.request("PATCH", f"/v1/feeds/{slug}", {"title": "x"}, if_match='"1"')
    assert problem(stale, 412)["current"] == changed.json()
    assert server.request("DELETE", f"/v1/feeds/{slug}").status_code == 204
    problem(read(server, f"/v1/feeds/{slug}"), 404)
    problem(server.request("DELETE", f"/v1/feeds/{slug}"), 404)
    assert server.request("POST", "/v1/feeds", given).status_code == 201
    again = read(server, f"/v1/feeds/{slug}").json()
    assert again["cursor"].split("-")[0] != cursor.split("-")[0]


def test_feeds_are_listed_in_pages(server: Server) -> None:
    """The pages together are the whole list, in its order."""
    for _ in range(3):
        server.new_feed()
    whole = read(server, "/v1/feeds").json()
    path, found = "/v1/feeds?limit=2", []
    while path:
        page = read(server, path).json()
        assert len(page["feeds"]) == 2 or page["next"] is None
        found += page["feeds"]
        path = page["next"]
    assert (found, whole["next"]) == (whole["feeds"], None)


def test_a_snapshot_waits_for_a_cursor(server: Server) -> None:
    """At that cursor or later in its epoch; else 503 with Retry-After."""
    feed = server.new_feed()
    first = server.publish(feed, "a")["cursor"]
    second = server.publish(feed, "b")["cursor"]
    for at in (first, second):
        answer = read(server, f"/v1/feeds/{feed}?at={at}")
        assert answer.json()["cursor"] == second
    epoch = first.split("-")[0]
    for at in (f"{epoch}-99", "other-1"):
        away = read(server, f"/v1/feeds/{feed}?at={at}")
        problem(away, 503)
        assert int(away.headers["retry-after"]) >= 1
    problem(read(server, f"/v1/feeds/{feed}?at=nonsense"), 400)


def test_a_snapshot_is_conditional(server: Server) -> None:
    """304 until an event changes it."""
    feed = server.new_feed()
    tag = read(server, f"/v1/feeds/{feed}").headers["etag"]
    assert read(server, f"/v1/feeds/{feed}", if_none_match=tag).status_code == 304
    server.publish(feed, "a")
    after = read(server, f"/v1/feeds/{feed}", if_none_match=tag)
    assert after.status_code == 200 and len(after.json()["posts"]) == 1


def test_publishing_returns_201_post_and_cursor(server: Server) -> None:
    """The post is in the snapshot and in the log."""
    feed = server.new_feed()
    start = read(server, f"/v1/feeds/{feed}").json()["cursor"]
    made = server.publish(feed, "**a**", headline="h", tags=["t"], external_id="e")
    assert set(made) == {"post", "cursor"}
    post = made["post"]
    assert post["html"] == "<p><strong>a</strong></p>" and post["rev"] == 1
    assert read(server, f"/v1/feeds/{feed}/posts/{post['id']}").json() == public(post)
    snapshot = read(server, f"/v1/feeds/{feed}").json()
    assert (snapshot["posts"], snapshot["cursor"]) == ([public(post)], made["cursor"])
    (event,) = events(server, feed, start)
    assert (event["type"], event["post"]) == ("post.published", public(post))
    taken = server.request(
        "POST", f"/v1/feeds/{feed}/posts", {"body": "b", "external_id": "e"}
    )
    assert problem(taken, 409)["post"] == post


@pytest.mark.parametrize("status", ["upcoming", "live", "paused", "closed"])
def test_posting_is_allowed_in_every_status(server: Server, status: str) -> None:
    """The status of a feed informs readers only."""
    server.publish(server.new_feed(status=status), "a")


def test_a_repeated_write_happens_once(server: Server) -> None:
    """Publish, edit, withdraw, change of the feed: same answer, no second event."""
    feed = server.new_feed()
    start = read(server, f"/v1/feeds/{feed}").json()["cursor"]
    path = f"/v1/feeds/{feed}/posts"

    def twice(
        method: str, path: str, given: object, **headers: str
    ) -> list[httpx.Response]:
        key = f"k{next(_keys)}"
        return [
            server.request(method, path, given, idempotency_key=key, **headers)
            for _ in range(2)
        ]

    first, again = twice("POST", path, {"body": "a"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    post = f"{path}/{first.json()['post']['id']}"
    first, again = twice("PATCH", post, {"body": "b"}, if_match='"1"')
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    first, again = twice("DELETE", post, None)
    assert first.status_code == again.status_code == 204
    first, again = twice("PATCH", f"/v1/feeds/{feed}", {"title": "x"}, if_match='"1"')
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert len(events(server, feed, start)) == 4
    first, again = twice("DELETE", f"/v1/feeds/{feed}", None)
    assert first.status_code == again.status_code == 204


def test_edits_check_if_match_and_merge(server: Server) -> None:
    """If-Match, RFC 7396, 412 with the current post, 428; no change, no event."""
    feed = server.new_feed()
    made = server.publish(feed, "a", headline="h", tags=["t"])
    path = f"/v1/feeds/{feed}/posts/{made['post']['id']}"
    problem(server.request("PATCH", path, {"body": "b"}), 428)
    edited = server.request(
        "PATCH", path, {"body": "b", "headline": None}, if_match='"1"'
    )
    assert edited.status_code == 200 and set(edited.json()) == {"post", "cursor"}
    post = edited.json()["post"]
    assert (post["body"], post["tags"], post["rev"]) == ("b", ["t"], 2)
    assert "headline" not in post
    stale = server.request("PATCH", path, {"body": "c"}, if_match='"1"')
    assert problem(stale, 412)["current"] == post
    same = server.request("PATCH", path, {"body": "b"}, if_match='"2"')
    assert (same.status_code, same.json()) == (200, edited.json())
    (event,) = events(server, feed, made["cursor"])
    assert (event["type"], event["post"]) == ("post.updated", public(post))


def test_a_withdrawn_post_is_410(server: Server) -> None:
    """204, again 204; then 410, gone from every answer, and one event in the log."""
    feed = server.new_feed()
    made = server.publish(feed, "a secret")
    path = f"/v1/feeds/{feed}/posts/{made['post']['id']}"
    assert server.request("DELETE", path).status_code == 204
    assert server.request("DELETE", path).status_code == 204
    assert "secret" not in json.dumps(problem(read(server, path), 410))
    other = path[:-1] + ("1" if path.endswith("0") else "0")
    problem(server.request("DELETE", other), 404)
    epoch = made["cursor"].split("-")[0]
    for where in (f"/v1/feeds/{feed}", f"/v1/feeds/{feed}/posts"):
        assert "secret" not in read(server, where).text
    told = events(server, feed, f"{epoch}-0")
    assert [event["type"] for event in told] == ["post.withdrawn", "post.withdrawn"]
    assert "secret" not in json.dumps(told)


def test_pinning_unpins_the_former_post(server: Server) -> None:
    """One pinned post, shown apart; both change in the same step."""
    feed = server.new_feed()
    first = server.publish(feed, "a", pinned=True)
    server.publish(feed, "b")
    second = server.publish(feed, "c", pinned=True)
    snapshot = read(server, f"/v1/feeds/{feed}").json()
    assert snapshot["pinned"]["id"] == second["post"]["id"]
    assert [said(post) for post in snapshot["posts"]] == ["c", "b", "a"]
    assert ["pinned" in post for post in snapshot["posts"]] == [True, False, False]
    kinds = [
        (event["type"], event["post"]["id"])
        for event in events(server, feed, first["cursor"])
    ]
    assert kinds[1:] == [
        ("post.updated", first["post"]["id"]),
        ("post.published", second["post"]["id"]),
    ]


def test_posts_are_listed_in_pages(server: Server) -> None:
    """In order; a mark stays valid without its post; `next` keeps the filters."""
    feed = server.new_feed()
    same = "2026-11-22T09:30:00Z"
    for number in range(7):
        server.publish(
            feed, str(number), published_at=same, tags=["odd"] * (number % 2)
        )
    path: str | None = f"/v1/feeds/{feed}/posts?limit=3"
    seen: list[str] = []
    while path is not None:
        page = read(server, path).json()
        assert set(page) == {"posts", "next"} and len(page["posts"]) <= 3
        seen += [said(post) for post in page["posts"]]
        path = page["next"]
        if seen[-1] == "4":
            last = f"/v1/feeds/{feed}/posts/{page['posts'][-1]['id']}"
            assert server.request("DELETE", last).status_code == 204
    assert seen == list("6543210")
    page = read(server, f"/v1/feeds/{feed}/posts?tag=odd&limit=2").json()
    assert [said(post) for post in page["posts"]] == ["5", "3"]
    page = read(server, page["next"]).json()
    assert [said(post) for post in page["posts"]] == ["1"]
    problem(read(server, f"/v1/feeds/{feed}/posts?limit=101"), 422)


def test_a_private_feed_needs_its_token(server: Server) -> None:
    """A revoked token reads nothing."""
    feed, other = server.new_feed(visibility="private"), server.new_feed()
    post = server.publish(feed, "a")["post"]["id"]
    made = server.request("POST", "/v1/tokens", {"scopes": ["read"], "feeds": [feed]})
    assert made.status_code == 201
    bearer = f"Bearer {made.json()['token']}"
    for path in (
        f"/v1/feeds/{feed}",
        f"/v1/feeds/{feed}/posts",
        f"/v1/feeds/{feed}/posts/{post}",
        f"/v1/feeds/{feed}/events?wait=0",
    ):
        problem(read(server, path), 404)
        answer = read(server, path, authorization=bearer)
        assert answer.status_code == 200, path
        assert "no-store" in answer.headers["cache-control"]
    assert feed not in read(server, "/v1/feeds").text
    refused = httpx.post(
        f"{server.url}/v1/feeds/{feed}/posts",
        json={"body": "b"},
        headers={"authorization": bearer},
        trust_env=False,
    )
    assert problem(refused, 403)["scope"] == "publish"
    refused = httpx.post(
        f"{server.url}/v1/feeds/{other}/posts",
        json={"body": "b"},
        headers={"authorization": bearer},
        trust_env=False,
    )
    assert problem(refused, 403)["scope"] == "publish"
    token = f"/v1/tokens/{made.json()['id']}"
    assert server.request("DELETE", token).status_code == 204
    problem(read(server, f"/v1/feeds/{feed}", authorization=bearer), 401)


def test_operator_routes_answer(server: Server) -> None:
    """Health, readiness, metrics and the OpenAPI description."""
    assert read(server, "/healthz").status_code == 200
    assert read(server, "/readyz").status_code == 200
    assert "stoppress_readers" in read(server, "/metrics").text
    assert read(server, "/openapi.json").json()["openapi"].startswith("3.1")


def test_head_returns_the_headers_of_get(server: Server) -> None:
    """Without its body."""
    feed = server.new_feed()
    for path in (f"/v1/feeds/{feed}", f"/v1/feeds/{feed}/posts", "/v1/feeds"):
        head = httpx.head(server.url + path, trust_env=False)
        get = read(server, path)
        assert head.status_code == 200 and head.content == b""
        assert head.headers["etag"] == get.headers["etag"]


def test_other_origins_may_read(server: Server) -> None:
    """ETag is exposed; a preflight with a token is answered."""
    feed = server.new_feed()
    answer = read(server, f"/v1/feeds/{feed}", origin="https://other.example")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "ETag" in answer.headers["access-control-expose-headers"]
    asked = {
        "origin": "https://other.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    flight = httpx.options(
        f"{server.url}/v1/feeds/{feed}", headers=asked, trust_env=False
    )
    assert flight.is_success
    assert "Authorization" in flight.headers["access-control-allow-headers"]
