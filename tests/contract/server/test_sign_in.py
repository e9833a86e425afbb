"""Sessions and JWTs at real servers: over restarts, workers and every way in."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.conftest import ADMIN_TOKEN, Server, started
from tests.signed_jwts import AUDIENCE, ISSUER, claims, p256, public, rsa, sign
from tests.waiting import wait_until

COOKIE = "stoppress_desk"
_open: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def clients() -> Iterator[None]:
    """Closes the clients of a test."""
    yield
    while _open:
        _open.pop().close()


def client(server: Server, **headers: str) -> httpx.Client:
    """A client of its own, as a page of ours or with headers of its own."""
    sent = headers or {"origin": server.url, "sec-fetch-site": "same-origin"}
    _open.append(
        httpx.Client(base_url=server.url, headers=sent, trust_env=False, timeout=60)
    )
    return _open[-1]


def feeds(server: Server, headers: dict[str, str]) -> int:
    """The status of the desk's list, asked for on a connection of its own."""
    url = f"{server.url}/desk/feeds"
    return httpx.get(url, headers=headers, trust_env=False).status_code


def signed_in(server: Server, token: str = ADMIN_TOKEN) -> httpx.Client:
    """A browser at the desk."""
    browser = client(server)
    answer = browser.post("/desk/sign-in", data={"token": token})
    assert answer.status_code == 303, answer.text
    return browser


def test_signing_out_counts_at_every_worker(tmp_path: Path) -> None:
    """At once: no worker caches a session."""
    with started(tmp_path / "data", "--workers", "2") as server:
        browser = signed_in(server)
        kept = {"cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
        # Connections of their own, so that both workers answer some.
        assert {feeds(server, kept) for _ in range(20)} == {200}
        browser.post("/desk/sign-out")
        assert {feeds(server, kept) for _ in range(20)} == {401}


def test_a_session_survives_a_restart_and_another_admin_token_ends_it(
    tmp_path: Path,
) -> None:
    """The store keeps it; neither store nor log holds its secret or the token."""
    data = tmp_path / "data"
    with started(data) as server:
        secret = signed_in(server).cookies[COOKIE]
    kept = {"cookie": f"{COOKIE}={secret}"}
    with started(data) as server:
        assert feeds(server, kept) == 200
        for found in (secret, ADMIN_TOKEN):
            for path in (*data.rglob("*"), server.log):
                if path.is_file():
                    assert found.encode() not in path.read_bytes(), path
    other = "another token of the settings"
    with started(data, STOPPRESS_ADMIN_TOKEN=other) as server:
        assert feeds(server, kept) == 401


def test_the_first_start_prints_a_single_use_sign_in_address(tmp_path: Path) -> None:
    """Valid until a token exists; its secret is not in the store."""
    data = tmp_path / "data"

    def address(server: Server) -> str:
        assert server.process.stdout is not None
        line = server.process.stdout.readline()
        found = re.search(r"valid once.*: (http\S+/desk/first\?code=\S+)", line)
        assert found, line
        return found[1]

    with started(data, STOPPRESS_ADMIN_TOKEN="") as server:
        first = address(server)
        browser = client(server)
        browser.headers["sec-fetch-site"] = "none"
        assert "You are signed in" in browser.get(first).text
        assert client(server).get(first).status_code == 401
        browser.headers["sec-fetch-site"] = "same-origin"
        made = browser.post("/v1/tokens", json={"scopes": ["publish"]})
        assert made.status_code == 201, made.text
    with started(data, STOPPRESS_ADMIN_TOKEN="", STOPPRESS_DRAIN_S="0") as server:
        server.end()
        assert server.process.stdout is not None
        assert server.process.stdout.read() == "", "there is a token"


@pytest.fixture(scope="module")
def jwt_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, Path]]:
    """A server that takes JWTs, and its file of keys."""
    folder = tmp_path_factory.mktemp("jwt")
    keys = folder / "keys.json"
    keys.write_text(json.dumps(public(rsa(), p256())))
    with started(
        folder / "data",
        STOPPRESS_JWT_JWKS=str(keys),
        STOPPRESS_JWT_ISSUER=ISSUER,
        STOPPRESS_JWT_AUDIENCE=AUDIENCE,
    ) as server:
        yield server, keys


def fresh(**more: object) -> str:
    """A JWT that is valid now."""
    now = int(time.time())
    return sign(claims(**{"iat": now, "exp": now + 300, **more}))


def test_a_jwt_has_the_rights_of_its_claim(jwt_server: tuple[Server, Path]) -> None:
    """On its feeds; a person's JWTs share their idempotency keys."""
    server, _ = jwt_server
    for slug in ("election-one", "sport"):
        given = {"slug": slug, "title": slug, "visibility": "private"}
        assert server.request("POST", "/v1/feeds", given).status_code == 201
    anna = client(server, authorization=f"Bearer {fresh()}")
    assert anna.get("/v1/feeds/election-one").status_code == 200
    assert anna.get("/v1/feeds/sport").status_code == 404
    key = {"idempotency-key": "k1"}
    path = "/v1/feeds/election-one/posts"
    made = anna.post(path, json={"body": "x"}, headers=key)
    assert made.status_code == 201
    anna.headers["authorization"] = f"Bearer {fresh(jti='another')}"
    again = anna.post(path, json={"body": "x"}, headers=key)
    assert (again.status_code, again.json()) == (200, made.json())
    assert anna.get("/v1/tokens").status_code == 403


def test_a_refused_jwt_gets_one_text_for_every_reason(
    jwt_server: tuple[Server, Path],
) -> None:
    """401; the reason is in the log."""
    server, _ = jwt_server
    attacks = {
        "wrong audience": fresh(aud="https://other.example"),
        "wrong issuer": fresh(iss="https://evil.test"),
        "expired": sign(claims(exp=1)),
        "forbidden header": sign(claims(), jku="https://evil.test/keys"),
        "wrong signature": fresh()[:-8] + "AAAAAAAA",
        "unknown key": sign(claims(), rsa("evil")),
        "too long": fresh(name="x" * 6200),
    }
    reported = set()
    for attack in attacks.values():
        answer = client(server, authorization=f"Bearer {attack}").get("/v1/feeds")
        assert answer.status_code == 401
        reported.add((answer.json()["title"], answer.json()["detail"]))
    assert len(reported) == 1
    log = server.log.read_text()
    for reason in attacks:
        assert f"a JWT is refused: {reason}" in log, reason
    assert not any(attack[-40:] in log for attack in attacks.values())
    metrics = server.request("GET", "/metrics").text
    assert 'stoppress_jwt_refused_total{reason="wrong audience"}' in metrics


def test_a_jwt_signs_in_at_the_desk(jwt_server: tuple[Server, Path]) -> None:
    """For people whose system issues them one."""
    server, _ = jwt_server
    browser = signed_in(server, fresh(sub="ben", name="Ben"))
    assert "Ben" in browser.get("/desk").text


@contextmanager
def line(
    server: Server, feed: str, headers: dict[str, str]
) -> Iterator[ClientConnection]:
    """An open line of these headers."""
    url = server.url.replace("http", "ws", 1) + f"/v1/live?feed={feed}"
    with connect(url, additional_headers=headers, proxy=None) as socket:
        assert '"hello"' in str(socket.recv(timeout=60))
        yield socket


def end_of(socket: ClientConnection) -> int:
    """Wait for the end of a line; its close code."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=60)
    closed = socket.protocol.close_rcvd
    return 0 if closed is None else closed.code


def test_a_connection_ends_with_its_jwt(jwt_server: tuple[Server, Path]) -> None:
    """As with a revoked token."""
    server, _ = jwt_server
    feed = server.new_feed(visibility="private")
    short = fresh(exp=int(time.time()) + 10, stoppress={"scopes": ["read"]})
    with line(server, feed, {"authorization": f"Bearer {short}"}) as socket:
        assert end_of(socket) == 4401


def test_a_connection_ends_with_its_session(server: Server) -> None:
    """On sign-out, or when the token of the session is revoked."""
    feed = server.new_feed(visibility="private")
    given = {"name": "gone", "scopes": ["publish"]}
    made = server.request("POST", "/v1/tokens", given).json()
    browsers = [signed_in(server, token) for token in (ADMIN_TOKEN, made["token"])]
    sent = [
        {"cookie": f"{COOKIE}={browser.cookies[COOKIE]}", "origin": server.url}
        for browser in browsers
    ]
    with line(server, feed, sent[0]) as one, line(server, feed, sent[1]) as two:
        browsers[0].post("/desk/sign-out")
        server.request("DELETE", f"/v1/tokens/{made['id']}")
        assert (end_of(one), end_of(two)) == (4401, 4401)


def test_a_withdrawn_signing_key_ends_with_the_next_key_set(
    jwt_server: tuple[Server, Path],
) -> None:
    """An unknown key triggers a fetch of the key set, at most every 30 s."""
    server, keys = jwt_server
    mine = client(server, authorization=f"Bearer {fresh()}")
    assert mine.get("/v1/feeds").status_code == 200
    keys.write_text(json.dumps(public(p256("next"))))
    now = int(time.time())
    new = sign(claims(iat=now, exp=now + 300), p256("next"), "ES256")
    other = client(server, authorization=f"Bearer {new}")
    wait_until(lambda: other.get("/v1/feeds").status_code == 200, 60)
    assert mine.get("/v1/feeds").status_code == 401
