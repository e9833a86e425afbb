"""Request smuggling: nothing that is no request is ever read as one.

Each framing holds a whole request that publishes. Behind it comes an honest one that
asks for the end of the connection, so that the test knows when all is read: the
framing is answered once or not at all, the honest request once or not at all, and
what is inside is not published.

A proxy may read a framing its own way, and pass on two requests where the hub would
have seen one. Through what lies between, the measure is that it and the hub agree:
nothing is published for which the client did not get an answer. `make foreign` has
these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Server
from tests.foreign.intermediaries import ALL, OURS, intermediaries, missing, through
from tests.foreign.raw_socket import PATIENCE_S, RawSocket
from tests.foreign.relay import BackgroundLoop
from tests.foreign.smuggling_cases import (
    FRAMINGS,
    INNER,
    MARK,
    SECRET,
    UPGRADE,
    Framing,
)
from tests.waiting import wait_until

ANSWERS_WITHIN_S = 3.0
"""For what lies before the server: it may be silent, and may not end the connection."""
WAYS = ("at once", "body later", "in pieces")
HONEST = b"GET /healthz HTTP/1.1\r\nHost: reader.example\r\nConnection: close\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


class Target:
    """A feed that somebody tries to publish in."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.slug = server.new_feed()
        self.feed = f"/v1/feeds/{self.slug}"
        self._start = self._ask("?wait=0")["cursor"]

    def _ask(self, query: str) -> Any:
        return self.server.request("GET", f"{self.feed}/events{query}").json()

    def published(self) -> list[str]:
        """What was published: the texts of the posts."""
        head = self.server.request("GET", self.feed).json()["cursor"]
        said: list[Any] = []

        def is_at_the_head() -> bool:
            said[:] = [self._ask(f"?since={self._start}&wait=0")]
            return bool(said[0]["cursor"] == head)

        wait_until(is_at_the_head)
        events = said[0]["events"]
        return [
            self.server.request("GET", f"{self.feed}/posts/{event['post']['id']}").text
            for event in events
        ]

    def filled(self, template: bytes, size: int = 0) -> bytes:
        """The names filled in."""
        names = {
            "posts": f"{self.feed}/posts",
            "feed": self.feed,
            "slug": self.slug,
            "nowhere": f"{self.feed}/posts/none",
            "token": self.server.token,
            "size": str(size),
        }
        for name, value in names.items():
            template = template.replace(b"{%b}" % name.encode(), value.encode())
        return template

    def request(self, framing: Framing) -> tuple[bytes, bytes]:
        """The head, and all that follows on it."""
        inner = self.filled(INNER)
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
        body = framing.body.replace(MARK, inner).replace(b"{chunk}", chunk)
        return self.filled(framing.head.encode("latin-1"), len(body)), body


@dataclass(frozen=True)
class Hub:
    """The server, and what lies before it."""

    through: str
    base: str


@pytest.fixture(scope="module", params=intermediaries() if ALL else ["direct"])
def hub(
    server: Server,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hub]:
    """Where the requests go."""
    if lacks := missing(request.param):
        pytest.skip(f"not here: {lacks}")
    folder = tmp_path_factory.mktemp("proxy")
    loop = BackgroundLoop()
    with through(request.param, loop, [server.url], folder) as base:
        yield Hub(request.param, base)
    loop.close()


@pytest.fixture(scope="module")
def targets(server: Server) -> Iterator[list[Target]]:
    """All feeds that were tried: at the end, still nothing is in them."""
    tried: list[Target] = []
    yield tried
    for target in tried:
        assert SECRET not in " ".join(target.published()).encode()


def test_two_real_requests_are_both_executed(server: Server) -> None:
    """Proof that the cases below could fail."""
    target = Target(server)
    inner = target.filled(INNER)
    with RawSocket(server.url) as client:
        client.send(inner + inner + HONEST)
        said = client.rest()
    assert STATUS.findall(said) == [b"201", b"201", b"200"], said
    assert [SECRET.decode() in text for text in target.published()] == [True, True]


def test_a_body_behind_an_ignored_upgrade_is_awaited(server: Server) -> None:
    """The JDK's client offers h2c, and sends the body in a segment of its own. Here it
    comes after the server asked for it, so surely later than the head."""
    target = Target(server)
    inner = target.filled(INNER)
    head, _, body = inner.partition(b"\r\n\r\n")
    offer = (UPGRADE, "Upgrade: h2c", "Expect: 100-continue", "Connection: close")
    lines = "".join(f"\r\n{line}" for line in offer).encode()
    with RawSocket(server.url) as client:
        client.send(head + lines + b"\r\n\r\n")
        assert b" 100 " in client.until(b"\r\n\r\n")
        client.send(body)
        said = client.rest()
    assert STATUS.findall(said) == [b"201"], said
    assert len(target.published()) == 1


def test_the_framings_are_distinct() -> None:
    """Each has a name of its own."""
    assert len(FRAMINGS) >= 40
    assert len({framing.name for framing in FRAMINGS}) == len(FRAMINGS)


@pytest.mark.parametrize("way", WAYS if ALL else WAYS[:2])
@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
def test_no_smuggled_request_is_executed(
    server: Server,
    hub: Hub,
    targets: list[Target],
    framing: Framing,
    way: str,
) -> None:
    """The inner request is not read; the outer one gets at most one answer."""
    target = Target(server)
    is_alone = hub.through in OURS
    if is_alone:
        targets.append(target)
    head, body = target.request(framing)
    with RawSocket(hub.base, PATIENCE_S if is_alone else ANSWERS_WITHIN_S) as client:
        if way == "at once":
            client.send(head + body + HONEST)
        elif way == "body later":
            client.send(head, body + HONEST)
        else:
            half = len(body) // 2
            client.send(head[:50], head[50:], body[:half], body[half:], HONEST)
        said = answers_to(client, framing, target, patient=not is_alone)
        if not is_alone:
            # What the proxy itself took for a request is answered as one, if late.
            executed = sum(SECRET.decode() in text for text in target.published())
            if executed > STATUS.findall(said).count(b"201") and not client.is_over:
                said = said.removesuffix(client.unread) + rest_in_time(client)
            assert executed <= STATUS.findall(said).count(b"201"), said
            return
    answers = [int(status) for status in STATUS.findall(said)]
    final = [status for status in answers if status >= 200 or status == 101]
    assert len(final) <= 1 + (final[-1:] == [200] and not framing.stays), said
    assert final or not framing.must_answer, "neither an answer nor a reason"
    if framing.answers and answers:
        assert answers[0] in framing.answers, said
    assert SECRET not in "".join(target.published()).encode(), said


def rest_in_time(client: RawSocket) -> bytes:
    """All that comes, on a busy machine too."""
    client.wait_longer()
    try:
        return client.rest()
    except TimeoutError:
        return client.unread


def answers_to(
    client: RawSocket, framing: Framing, target: Target, *, patient: bool
) -> bytes:
    """All that is answered. `patient`: who does not end the connection may."""
    if framing.stays:
        said = client.until(b"hello")
        target.server.publish(target.slug, "an honest post")
        return said + client.until(b"an honest post")
    said = b""
    try:
        said = client.until(b"\r\n\r\n")
        if b" 101 " in said:
            client.end_sending()
        said += client.rest()
    except TimeoutError:
        if not patient:
            raise
        said += client.unread
    return said
