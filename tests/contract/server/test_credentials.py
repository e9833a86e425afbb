"""The desk's cookie on every kind of request: API, pages and the three transports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.conftest import Server
from tests.contract.server.asking import read

COOKIE = "stoppress_desk"
NONE_OF_OURS = (
    {"origin": "https://blog.example.org"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site"},
)


def answers_of_each_kind(
    server: Server, feed: str, headers: dict[str, str]
) -> dict[str, int]:
    """The answer to each kind of request: a status, or the line's close code."""
    paths = {
        "snapshot": f"/v1/feeds/{feed}",
        "posts": f"/v1/feeds/{feed}/posts",
        "page": f"/live/{feed}",
        "atom": f"/live/{feed}/atom.xml",
        "poll": f"/v1/feeds/{feed}/events",
    }
    found = {
        kind: read(server, path, **headers).status_code for kind, path in paths.items()
    }
    with stream(server, feed, headers) as answer:
        found["stream"] = answer.status_code
    # The first opens the feed by the plain path; the second may come in by the fast.
    for kind in ("first socket", "second socket"):
        found[kind] = socket_code(server, feed, headers)
    return found


@contextmanager
def stream(
    server: Server, feed: str, headers: dict[str, str]
) -> Iterator[httpx.Response]:
    """An event stream."""
    asked = {"accept": "text/event-stream", **headers}
    url = f"{server.url}/v1/feeds/{feed}/events"
    with httpx.stream("GET", url, headers=asked, trust_env=False, timeout=60) as answer:
        yield answer


def socket_code(server: Server, feed: str, headers: dict[str, str]) -> int:
    """200 if the WebSocket says hello, else its close code."""
    url = server.url.replace("http", "ws", 1) + f"/v1/live?feed={feed}"
    with connect(url, additional_headers=headers, proxy=None) as socket:
        try:
            hello = socket.recv(timeout=60)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else 0
        assert '"hello"' in str(hello)
        return 200


def session(server: Server, token: str) -> str:
    """Sign in at the desk with a token; the Cookie header."""
    form, ours = {"token": token}, {"origin": server.url}
    url = f"{server.url}/desk/sign-in"
    answer = httpx.post(url, data=form, headers=ours, trust_env=False)
    assert answer.status_code == 303, answer.text
    return f"{COOKIE}={answer.cookies[COOKIE]}"


def revoked(server: Server) -> tuple[str, str]:
    """A token that was good a moment ago, and a session begun with it."""
    given = {"name": "gone", "scopes": ["publish"]}
    made = server.request("POST", "/v1/tokens", given).json()
    cookie = session(server, made["token"])
    path = f"/v1/tokens/{made['id']}"
    assert server.request("DELETE", path).status_code == 204
    return str(made["token"]), cookie


def test_a_stale_cookie_is_ignored_on_every_route(server: Server) -> None:
    """Public feeds stay readable; private ones are 404."""
    stale = {"cookie": revoked(server)[1], "sec-fetch-site": "same-origin"}
    assert set(answers_of_each_kind(server, server.new_feed(), stale).values()) == {200}
    hidden = answers_of_each_kind(server, server.new_feed(visibility="private"), stale)
    assert set(hidden.values()) <= {404, 4404}
    answer = httpx.post(
        f"{server.url}/v1/feeds", json={}, headers=stale, trust_env=False
    )
    assert answer.status_code == 401


def test_an_unknown_token_is_refused_on_every_route(server: Server) -> None:
    """Also where no token is needed."""
    sent = {"authorization": f"Bearer {revoked(server)[0]}"}
    assert set(answers_of_each_kind(server, server.new_feed(), sent).values()) <= {
        401,
        4401,
    }


def test_the_cookie_counts_only_from_the_sites_own_origin(server: Server) -> None:
    """A page of a sibling site reads public feeds only, by every kind of request."""
    public, private = server.new_feed(), server.new_feed(visibility="private")
    desk = {"cookie": session(server, server.token)}
    for ours in ({"origin": server.url}, {"sec-fetch-site": "same-origin"}):
        assert set(answers_of_each_kind(server, private, desk | ours).values()) == {200}
    for theirs in NONE_OF_OURS:
        assert set(answers_of_each_kind(server, private, desk | theirs).values()) <= {
            404,
            4404,
        }
        assert set(answers_of_each_kind(server, public, desk | theirs).values()) == {
            200
        }


@pytest.mark.parametrize("dest", ["document", "iframe"])
def test_a_link_from_a_sibling_site_opens_the_desk(server: Server, dest: str) -> None:
    """Except in a frame, which shows the sign-in form."""
    link = {
        "cookie": session(server, server.token),
        "sec-fetch-site": "same-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": dest,
    }
    page = read(server, "/desk", **link).text
    assert ('action="/desk/sign-out"' in page) is (dest == "document")
    assert ('action="/desk/sign-in"' in page) is (dest == "iframe")
