"""Bad input gets a clear answer: every row of that list, from outside, by HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Server
from tests.contract.server.asking import problem, read, send
from tests.plain_http import PLAIN


def test_broken_json_is_reported_by_line_and_column(server: Server) -> None:
    """400 on every write."""
    feed = server.new_feed()
    post = f"/v1/feeds/{feed}/posts/{server.publish(feed, 'a')['post']['id']}"
    raw = b'{\n  "headline": "x",\n  "body" "y"\n}'
    for method, path in (
        ("POST", "/v1/feeds"),
        ("PATCH", f"/v1/feeds/{feed}"),
        ("POST", f"/v1/feeds/{feed}/posts"),
        ("PATCH", post),
        ("POST", "/v1/tokens"),
    ):
        headers = {"authorization": f"Bearer {server.token}", "if-match": '"1"'}
        answer = httpx.request(
            method, server.url + path, content=raw, headers=headers, trust_env=False
        )
        broken = problem(answer, 400)
        assert (broken["line"], broken["column"]) == (3, 10), (method, path)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"headlin": "x"}, "headlin"),
        ({"headline": 5}, "headline"),
        ({"body": "x", "authors": [{"name": "a"}, {"nam": "b"}]}, "authors[1].nam"),
        ({"body": "x", "published_at": "2026-11-22T09:30:00"}, "published_at"),
        ({"body": "x", "media": [{"type": "image", "url": "x:y"}]}, "media[0].url"),
    ],
)
def test_a_wrong_field_is_named(
    server: Server, given: dict[str, object], field: str
) -> None:
    """422."""
    feed = server.new_feed()
    answer = server.request("POST", f"/v1/feeds/{feed}/posts", given)
    assert problem(answer, 422)["field"] == field


def test_a_body_too_long_is_413(server: Server) -> None:
    """With and without a Content-Length; exactly 64 KiB is read."""
    path = f"/v1/feeds/{server.new_feed()}/posts"
    frame = len(json.dumps({"body": ""}))
    fits = json.dumps({"body": "a" * ((64 << 10) - frame)}).encode()
    assert len(fits) == 64 << 10
    assert send(server, "POST", path, fits).status_code == 201
    problem(send(server, "POST", path, fits + b" "), 413)
    problem(send(server, "POST", path, b" " * (1 << 20)), 413)

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 8192

    headers = {"authorization": f"Bearer {server.token}"}
    chunked = httpx.post(
        server.url + path, content=parts(), headers=headers, trust_env=False
    )
    assert chunked.request.headers["transfer-encoding"] == "chunked"
    problem(chunked, 413)


def test_a_body_without_end_is_cut_off(server: Server) -> None:
    """The answer comes before the body ends, and the connection does."""
    path = f"/v1/feeds/{server.new_feed()}/posts"
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as line:
        line.sendall(
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {server.token}\r\n"
            f"Content-Length: {1 << 40}\r\n\r\n".encode()
        )
        sent = 0
        try:
            while sent < 1 << 30:
                sent += line.send(b" " * 65536)
        except OSError:
            pass
        assert sent < 64 << 20


def test_a_missing_token_is_401_and_a_missing_scope_403(server: Server) -> None:
    """401 with WWW-Authenticate; 403 that names the missing scope."""
    feed = server.new_feed()
    url = f"{server.url}/v1/feeds/{feed}/posts"
    for headers in ({}, {"authorization": "Bearer sp_nobody"}):
        answer = httpx.post(url, json={"body": "x"}, headers=headers, trust_env=False)
        problem(answer, 401)
        assert "Bearer" in answer.headers["www-authenticate"]
    made = server.request("POST", "/v1/tokens", {"scopes": ["read"]}).json()
    headers = {"authorization": f"Bearer {made['token']}"}
    answer = httpx.post(url, json={"body": "x"}, headers=headers, trust_env=False)
    assert problem(answer, 403)["scope"] == "publish"
    assert "'publish'" in answer.json()["detail"]
    answer = httpx.get(
        verify=PLAIN, url=f"{server.url}/v1/tokens", headers=headers, trust_env=False
    )
    assert problem(answer, 403)["scope"] == "admin"


def test_unknown_resources_are_404(server: Server) -> None:
    """Feeds, posts, addresses, tokens."""
    feed = server.new_feed()
    for path in (
        "/v1/feeds/nowhere",
        "/v1/feeds/Not%20a%20slug",
        "/v1/feeds/nowhere/posts",
        f"/v1/feeds/{feed}/posts/nothing",
        "/v1/nonsense",
    ):
        problem(read(server, path), 404)
    for method, path, given in (
        ("POST", "/v1/feeds/nowhere/posts", {"body": "x"}),
        ("PATCH", "/v1/feeds/nowhere", {"title": "x"}),
        ("DELETE", "/v1/feeds/nowhere", None),
        ("PATCH", f"/v1/feeds/{feed}/posts/nothing", {"body": "x"}),
        ("DELETE", f"/v1/feeds/{feed}/posts/nothing", None),
        ("DELETE", "/v1/tokens/nothing", None),
    ):
        problem(server.request(method, path, given, if_match='"1"'), 404)


@pytest.mark.parametrize("slug", ["", "Quay", "a--b", "-a", "a_b", "x" * 81, "köy"])
def test_an_invalid_slug_is_refused_with_the_rule(server: Server, slug: str) -> None:
    """422."""
    answer = server.request("POST", "/v1/feeds", {"slug": slug, "title": "x"})
    document = problem(answer, 422)
    assert document["field"] == "slug"
    assert "lower-case letters a-z, digits and single hyphens" in document["detail"]


def test_a_reused_idempotency_key_is_422(server: Server) -> None:
    """For another body, post or method, or to create another feed."""
    feed = server.new_feed()
    path = f"/v1/feeds/{feed}/posts"
    key = "reused"
    made = server.request("POST", path, {"body": "a"}, idempotency_key=key)
    post = f"{path}/{made.json()['post']['id']}"
    for method, where, given in (
        ("POST", path, {"body": "b"}),
        ("PATCH", post, {"body": "a"}),
        ("DELETE", post, None),
        ("PATCH", f"/v1/feeds/{feed}", {"title": "x"}),
    ):
        answer = server.request(
            method, where, given, idempotency_key=key, if_match='"1"'
        )
        assert key in problem(answer, 422)["detail"], (method, where)
    for slug, status in ((f"{feed}-one", 201), (f"{feed}-two", 422)):
        given = {"slug": slug, "title": "One"}
        answer = server.request("POST", "/v1/feeds", given, idempotency_key=key)
        assert answer.status_code == status, answer.text
    assert key in problem(answer, 422)["detail"]
    long = server.request("POST", path, {"body": "a"}, idempotency_key="x" * 201)
    problem(long, 400)


def test_a_malformed_cursor_is_400(server: Server) -> None:
    """In a snapshot and in a poll; a cursor of another epoch is a reset."""
    feed = server.new_feed()
    problem(read(server, f"/v1/feeds/{feed}?at=x"), 400)
    problem(read(server, f"/v1/feeds/{feed}/events?since=x"), 400)
    reset = read(server, f"/v1/feeds/{feed}/events?since=other-1").json()
    assert reset["reset"] is True


def test_an_unknown_method_is_405(server: Server) -> None:
    """With Allow."""
    answer = server.request("PUT", "/v1/feeds")
    problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))
