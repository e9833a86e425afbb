"""Open lines of private feeds end with what they were opened with, in every process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from stoppress.log.redis_keys import TOKENS
from tests.conftest import Server

ENDS_S = 60.0
"""5 s is promised; this is for a busy machine."""
LIVES_S = 10
"""How long what expires is valid: enough to be used first, on a busy machine too."""


def live(server: Server, query: str, **options: Any) -> ClientConnection:
    """A WebSocket of the server."""
    address = f"{server.url.replace('http', 'ws', 1)}/v1/live?{query}"
    line: ClientConnection = connect(address, proxy=None, **options)
    return line


def until(line: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of this type."""
    while True:
        message: dict[str, Any] = json.loads(line.recv(timeout=60))
        if message["type"] == kind:
            return message


def bearer(secret: str) -> dict[str, str]:
    """The header with a secret."""
    return {"authorization": f"Bearer {secret}"}


@pytest.fixture
def private(server: Server) -> str:
    """A private feed."""
    return str(server.new_feed(visibility="private"))


@pytest.fixture
def reader(server: Server, private: str) -> Iterator[dict[str, Any]]:
    """A token that reads private feeds."""
    made = server.request("POST", "/v1/tokens", {"scopes": ["read"]})
    yield made.json()


def revoke(server: Server, token: dict[str, Any]) -> float:
    """Revoke it; the moment."""
    assert server.request("DELETE", f"/v1/tokens/{token['id']}").status_code == 204
    return time.monotonic()


def test_a_websocket_ends_when_its_token_is_revoked(
    server: Server, private: str, reader: dict[str, Any]
) -> None:
    """4401 if no other feed is left; else `error`; no feed can be added."""
    public = server.new_feed()
    secret = bearer(reader["token"])
    with (
        live(server, f"feed={private}", additional_headers=secret) as alone,
        live(server, f"feed={private}&feed={public}", additional_headers=secret) as two,
    ):
        until(alone, "hello"), until(two, "hello"), until(two, "hello")
        at = revoke(server, reader)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                alone.recv(timeout=60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
        error = until(two, "error")
        assert (error["feed"], error["code"]) == (private, 4401)
        assert time.monotonic() - at < ENDS_S
        server.publish(private, "Secret.")
        server.publish(public, "For all.")
        assert until(two, "post.published")["feed"] == public
        for feed in (private, public):
            two.send(json.dumps({"op": "follow", "feed": feed}))
            assert until(two, "error")["code"] == 4401
    with pytest.raises(ConnectionClosed) as closed:
        with live(server, f"feed={private}", additional_headers=secret) as again:
            again.recv(timeout=60)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


def test_a_stream_ends_when_its_token_is_revoked(
    server: Server, private: str, reader: dict[str, Any]
) -> None:
    """It sends the reason; a reconnect gets 401."""
    url = f"{server.url}/v1/feeds/{private}/events"
    headers = {**bearer(reader["token"]), "accept": "text/event-stream"}
    with httpx.Client(trust_env=False, timeout=60, headers=headers) as client:
        with client.stream("GET", url) as answer:
            # Else the client's next request goes where nobody reads any more.
            assert answer.headers["connection"] == "close"
            lines = answer.iter_lines()
            while "hello" not in next(lines):
                pass
            at = revoke(server, reader)
            rest = "\n".join(lines)
        assert "event: error" in rest and '"code":4401' in rest
        assert time.monotonic() - at < ENDS_S
        assert client.get(url).status_code == 401


def test_a_poll_ends_when_its_token_is_revoked(
    server: Server, private: str, reader: dict[str, Any]
) -> None:
    """401, long before its timeout."""
    url = f"{server.url}/v1/feeds/{private}/events"
    headers = bearer(reader["token"])
    with (
        httpx.Client(trust_env=False, timeout=90, headers=headers) as client,
        ThreadPoolExecutor(1) as threads,
    ):
        since = client.get(url).json()["cursor"]
        waiting = {"since": since, "wait": 30}
        answer = threads.submit(client.get, url, params=waiting)
        with pytest.raises(TimeoutError):
            answer.result(0.5)
        at = revoke(server, reader)
        assert answer.result(60).status_code == 401
        assert time.monotonic() - at < ENDS_S


def test_an_expired_token_ends_its_connections(server: Server, private: str) -> None:
    """At its expiry, by the server's clock."""
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LIVES_S))
    given = {"scopes": ["read"], "expires_at": ends}
    made = server.request("POST", "/v1/tokens", given).json()
    assert made["expires_at"].startswith(ends[:-1])
    headers = bearer(made["token"])
    with live(server, f"feed={private}", additional_headers=headers) as line:
        until(line, "hello")
        with pytest.raises(ConnectionClosed) as closed:
            line.recv(timeout=60)
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
    refused = httpx.get(
        f"{server.url}/v1/feeds/{private}", headers=headers, trust_env=False
    )
    assert refused.status_code == 401


def ticket(server: Server, feed: str, ttl_s: int) -> str:
    """A ticket for a feed."""
    path = f"/v1/feeds/{feed}/tickets"
    made = server.request("POST", path, {"ttl_s": ttl_s})
    assert made.status_code == 201, made.text
    return str(made.json()["ticket"])


def test_a_ticket_reads_its_feed_on_every_route(server: Server, private: str) -> None:
    """By header, cookie and address; no other feed, and no write."""
    other = server.new_feed(visibility="private")
    post = server.publish(private, "Secret.")["post"]["id"]
    given = ticket(server, private, 60)
    api = f"/v1/feeds/{private}"
    paths = (api, f"{api}/posts", f"{api}/posts/{post}", f"{api}/events")
    pages = (f"/live/{private}", f"/live/{private}/{post}", f"/embed/{private}")
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for path in (*paths, *pages):
            assert client.get(path).status_code == 404, path
            ways: list[dict[str, Any]] = [
                {"headers": bearer(given)},
                {"headers": {"cookie": f"stoppress_ticket={given}"}},
                {"params": {"ticket": given}},
            ]
            for way in ways:
                answer = client.get(path, **way)
                assert answer.status_code == 200, (path, way, answer.text)
            answer = client.get(path, headers=bearer(ticket(server, other, 60)))
            assert answer.status_code == 404, path
        for path in (f"{api}/posts", f"{api}/tickets"):
            refused = client.post(path, json={}, headers=bearer(given))
            assert refused.status_code == 403, refused.text
        absent = f"/v1/feeds/{private}-none/tickets"
        assert server.request("POST", absent, {}).status_code == 404
    with live(server, f"feed={private}&ticket={given}") as line:
        assert until(line, "hello")["feed"] == private


def test_a_ticket_is_renewed_on_the_open_connection(
    server: Server, private: str
) -> None:
    """The server asks for it; without a new one the connection ends with 4401."""
    first = ticket(server, private, LIVES_S)
    with (
        live(server, f"feed={private}&ticket={first}") as renewed,
        live(server, f"feed={private}&ticket={first}") as idle,
    ):
        for line in (renewed, idle):
            asked = until(line, "expiring")
            assert asked["feed"] == private and 1 <= asked["in"] <= 30
        op = {"op": "renew", "feed": private, "ticket": ticket(server, private, 60)}
        renewed.send(json.dumps(op))
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                idle.recv(timeout=60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
        server.publish(private, "Still here.")
        assert until(renewed, "post.published")["feed"] == private
        renewed.send(json.dumps(op | {"ticket": "st_wrong"}))
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                renewed.recv(timeout=60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401


def test_a_feed_made_private_closes_its_readers_in_every_process(
    tmp_path: Path, serving: Callable[..., Any]
) -> None:
    """With 4404, as if absent; tokens that read it stay, until they lose the right."""
    with serving(tmp_path / "data", "--workers", "2") as server:
        feed = server.new_feed()
        made = server.request("POST", "/v1/tokens", {"scopes": ["read"]}).json()
        options = {"additional_headers": bearer(made["token"])}
        with ExitStack() as lines:
            strangers = [
                lines.enter_context(live(server, f"feed={feed}")) for _ in range(6)
            ]
            readers = [
                lines.enter_context(live(server, f"feed={feed}", **options))
                for _ in range(6)
            ]
            streams = lines.enter_context(httpx.Client(trust_env=False, timeout=60))
            rows = lines.enter_context(
                streams.stream(
                    "GET",
                    f"{server.url}/v1/feeds/{feed}/events",
                    headers={"accept": "text/event-stream"},
                )
            ).iter_lines()
            while "hello" not in next(rows):
                pass
            for line in (*strangers, *readers):
                until(line, "hello")
            hidden = {"visibility": "private"}
            answer = server.request("PATCH", f"/v1/feeds/{feed}", hidden)
            assert answer.status_code == 200
            server.publish(feed, "Secret.")
            assert {code_of(line) for line in strangers} == {4404}
            assert "Secret." not in "".join(rows)
            for line in readers:
                assert until(line, "post.published")["feed"] == feed
            at = time.monotonic()
            narrow_scopes(server, made["id"])
            assert {code_of(line) for line in readers} == {4404}
            assert time.monotonic() - at < ENDS_S


def code_of(line: ClientConnection) -> int:
    """The code it ends with; no secret comes before."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            assert "Secret." not in str(line.recv(timeout=60))
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def narrow_scopes(server: Server, token: str) -> None:
    """Let a token read another feed alone, as a later release may offer."""
    with Redis.from_url(f"unix://{quote(str(server.data / 'valkey.sock'))}") as store:
        for name, record in store.hgetall(TOKENS).items():
            kept = json.loads(record)
            if kept["id"] == token:
                store.hset(TOKENS, name, json.dumps(kept | {"feeds": ["other"]}))
                return
    raise AssertionError("the token is not in the store")
