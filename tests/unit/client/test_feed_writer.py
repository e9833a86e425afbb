"""What each call of a writer asks of the server. What comes of it is tested with a real
server in tests/contract/server/test_python_client.py."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from stoppress.client import InvalidArgument, OutcomeUnknown, RequestRefused
from stoppress.client.feed_writer import AsyncFeedWriter, FeedWriter, WriteResult
from tests.unit.client.answering_server import answering

MADE = b'{"post":{"id":"p"},"cursor":"e-1"}'


def test_the_requests() -> None:
    """Method, address, If-Match; the caller's key, or one of its own each."""
    answers = [(201, MADE), (200, MADE), (200, MADE), (204, b""), (200, MADE)]
    with answering(*answers, (200, MADE), (204, b""), (200, b'{"id":"p"}')) as (
        url,
        received,
    ):
        with FeedWriter(url, "quay", "sp_t") as writer:
            made = writer.publish({"body": "a"})
            assert made == WriteResult({"id": "p"}, "e-1", created=True)
            assert not writer.edit("p", {"body": "b"}).created
            writer.edit("p", {"body": "b"}, rev=2, idempotency_key="mine")
            writer.withdraw("p", rev=3)
            writer.put_external("a/b?", {"body": "c"})
            writer.put_external("a/b?", {"body": "c"}, rev=4)
            writer.withdraw_external("a/b?")
            assert writer.read("p") == {"id": "p"}
    feed = "/v1/feeds/quay"
    assert [
        (one.method, one.path, one.headers.get("if-match")) for one in received
    ] == [
        ("POST", f"{feed}/posts", None),
        ("PATCH", f"{feed}/posts/p", "*"),
        ("PATCH", f"{feed}/posts/p", '"2"'),
        ("DELETE", f"{feed}/posts/p", '"3"'),
        ("PUT", f"{feed}/external/a%2Fb%3F", None),
        ("PUT", f"{feed}/external/a%2Fb%3F", '"4"'),
        ("DELETE", f"{feed}/external/a%2Fb%3F", None),
        ("GET", f"{feed}/posts/p", None),
    ]
    keys = [one.headers.get("idempotency-key") for one in received]
    assert keys[2] == "mine" and keys[-1] is None and len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_would_be_another_address_is_refused(name: str) -> None:
    """`DELETE …/posts/..` would delete the feed. Nothing is sent."""
    with answering() as (url, received):
        with FeedWriter(url, "quay", "sp_t") as writer:
            for call in (writer.withdraw, writer.withdraw_external, writer.read):
                with pytest.raises(InvalidArgument):
                    call(name)
            for change in (writer.edit, writer.put_external):
                with pytest.raises(InvalidArgument):
                    change(name, {"body": "a"})
        for kind in (FeedWriter, AsyncFeedWriter):
            with pytest.raises(InvalidArgument, match="feed="):
                kind(url, name, "sp_t")
    assert received == []


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b'{"post":1,"cursor":"e-1"}', b'{"post":{"id":"p"}}']
)
def test_an_answer_of_another_server_is_a_refusal(answer: bytes) -> None:
    """JSON, and yet no post with a cursor."""
    with answering((200, answer), (200, b"[]"), (200, b"{}")) as (url, _):
        with FeedWriter(url, "quay", "sp_t") as writer:
            with pytest.raises(RequestRefused, match="is not a Stop Press server"):
                writer.publish({"body": "a"})
            for _ in range(2):
                with pytest.raises(RequestRefused, match="is not a Stop Press server"):
                    writer.read("p")


def test_the_errors() -> None:
    """A refusal with its problem; an outcome that stays open, with the key."""
    stale = b'{"title":"Revision not current","detail":"d","current":{"rev":3}}'
    with answering((412, stale), (503, b"")) as (url, received):
        with FeedWriter(url, "quay", "sp_t", repeat_for_s=0) as writer:
            with pytest.raises(RequestRefused, match="d") as refused:
                writer.edit("p", {}, rev=1)
            assert refused.value.problem["current"] == {"rev": 3}
            with pytest.raises(OutcomeUnknown) as unknown:
                writer.publish({})
    assert unknown.value.idempotency_key == received[1].headers["idempotency-key"]


def test_the_asynchronous_writer_asks_the_same() -> None:
    """It has the same calls with the same parameters, and sends the same requests."""
    for name, call in inspect.getmembers(FeedWriter, inspect.isfunction):
        if not name.startswith("__") or name == "__init__":
            twin = getattr(AsyncFeedWriter, name)
            assert list(inspect.signature(twin).parameters) == list(
                inspect.signature(call).parameters
            ), name

    async def run(url: str) -> None:
        async with AsyncFeedWriter(url, "quay", "sp_t") as writer:
            assert (await writer.publish({"body": "a"}, idempotency_key="1")).created
            await writer.edit("p", {"body": "b"}, rev=2, idempotency_key="2")
            await writer.withdraw("p", idempotency_key="3")
            await writer.put_external("e", {"body": "c"}, idempotency_key="4")
            await writer.withdraw_external("e", rev=1, idempotency_key="5")
            await writer.read("p")

    answers = [(201, MADE), (200, MADE), (204, b""), (200, MADE), (204, b"")]
    with answering(*answers, (200, b'{"id":"p"}')) as (url, asked):
        asyncio.run(run(url))
    with answering(*answers, (200, b'{"id":"p"}')) as (url, expected):
        with FeedWriter(url, "quay", "sp_t") as writer:
            writer.publish({"body": "a"}, idempotency_key="1")
            writer.edit("p", {"body": "b"}, rev=2, idempotency_key="2")
            writer.withdraw("p", idempotency_key="3")
            writer.put_external("e", {"body": "c"}, idempotency_key="4")
            writer.withdraw_external("e", rev=1, idempotency_key="5")
            writer.read("p")
    names = ("idempotency-key", "if-match", "authorization", "content-type")
    for one, other in zip(asked, expected, strict=True):
        assert one[:2] == other[:2] and one.body == other.body
        assert [one.headers.get(n) for n in names] == [
            other.headers.get(n) for n in names
        ]
