"""What comes over a channel is read, or is rubbish; never an error."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import NO_SUBJECT, Event, EventType, Subject
from stoppress.log.pubsub_message import (
    PubSubMessage,
    announced,
    is_marked,
    new_secret,
    parse,
)

AT = Cursor("k3v9", 7)


@pytest.mark.parametrize(
    ("raw", "received"),
    [
        (
            b'k3v9-7 post.published 12 p1\n{"a":"b\\n c"}\n',
            PubSubMessage(
                AT,
                Event(
                    7, EventType.PUBLISHED, 12, Subject.post("p1"), b'{"a":"b\\n c"}\n'
                ),
            ),
        ),
        (
            b"k3v9-7 post.withdrawn 12 p1\n",
            PubSubMessage(
                AT, Event(7, EventType.WITHDRAWN, 12, Subject.post("p1"), b"")
            ),
        ),
        (
            b"k3v9-7 feed.updated 12 \n{}",
            PubSubMessage(AT, Event(7, EventType.FEED, 12, Subject.feed("x"), b"{}")),
        ),
        (
            b"k3v9-7 post.exploded 12 p1\n{}",
            PubSubMessage(
                AT, Event(7, EventType("post.exploded"), 12, NO_SUBJECT, b"")
            ),
        ),
        (
            b"k3v9-7 lease.taken 12 \n",
            PubSubMessage(AT, Event(7, EventType("lease.taken"), 12, NO_SUBJECT, b"")),
        ),
        (b"k3v9-7 end 12 \n", PubSubMessage(AT, None, ends=True)),
        (b"k3v9-7 epoch 12 \n", PubSubMessage(AT, None)),
    ],
)
def test_reads_what_the_scripts_write(raw: bytes, received: PubSubMessage) -> None:
    """A line, and the body as it is."""
    assert parse("x", raw) == received


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"k3v9-7",
        b"k3v9 post.published 12 p1\n{}",
        b"k3v9-7 post.Exploded 12 p1\n{}",
        b"k3v9-7 exploded 12 p1\n{}",
        b"k3v9-7 reset 12 \n",
        b"k3v9-7 post.%b 12 p1\n{}" % (b"x" * 60),
        b"k3v9-7 post.published 999999999999999 p1\n{}",
        b"k3v9-7 post.published -1 p1\n{}",
        b"k3v9-7 post.published 12 \n{}",
        b"k3v9-7 feed.updated 12 p1\n{}",
        b"k3v9-0 post.published 12 p1\n{}",
        b"k3v9-7 post.published x p1\n{}",
        b"k3v9-7 post.published 12 p1 p2\n{}",
        b"k3v9-7 post.published 12 p1\n",
        b"k3v9-7 post.withdrawn 12 p1\n{}",
        b"\xff-7 post.published 12 p1\n{}",
    ],
)
def test_refuses_the_rest(raw: bytes) -> None:
    """None, whatever is wrong with it."""
    assert parse("x", raw) is None


@given(st.binary())
def test_any_bytes_are_parsed_without_an_error(raw: bytes) -> None:
    """Any bytes are a message or none."""
    parse("x", raw)


CHANNEL = b"stoppress:{x}:line"
EVENT = b"k3v9-7 post.published 12 p1\n{}"


def mark(secret: bytes, message: bytes, channel: bytes = CHANNEL) -> bytes:
    """The mark that a script makes, as RFC 2104 has it."""
    key = bytes(byte ^ 0x36 for byte in secret[:32])
    assert key == bytes(byte ^ 0x5C for byte in secret[32:])
    return hmac.new(key, channel + b"\n" + message, "sha1").hexdigest().encode()


def test_the_mark_of_an_event_goes_before_it() -> None:
    """That message says nothing else, and is none of the others."""
    made = mark(new_secret(), EVENT)
    raw = b"k3v9-6 epoch 12 +" + made + b"\n"
    assert announced(raw) == made
    assert parse("x", raw) == PubSubMessage(Cursor("k3v9", 6), None)
    reported = (b"k3v9-6 epoch 12 " + made + b"\n", b"k3v9-6 epoch 12 \n", EVENT)
    assert [announced(one) for one in (*reported, raw + b"x", b"")] == [None] * 5


def test_a_right_mark_is_right() -> None:
    """For events before them, for the rest in them."""
    secret = new_secret()
    assert len(secret) == 64 and secret != new_secret()
    assert is_marked(secret, CHANNEL, EVENT, mark(secret, EVENT))
    for head in (b"k3v9-7 end 12 ", b"k3v9-0 epoch 12 "):
        raw = head + mark(secret, head + b"\n") + b"\n"
        assert is_marked(secret, CHANNEL, raw, b"")
        assert parse("x", raw) is not None


@pytest.mark.parametrize("what", ["secret", "channel", "body", "seq", "none", "empty"])
def test_a_wrong_mark_is_wrong(what: str) -> None:
    """Whatever differs; and without a secret none is right."""
    secret = new_secret()
    raw = EVENT.replace(b"-7", b"-8") if what == "seq" else EVENT
    raw += b" " if what == "body" else b""
    channel = CHANNEL + b":2" if what == "channel" else CHANNEL
    made = b"" if what == "none" else mark(secret, EVENT)
    used = {"secret": new_secret(), "empty": b""}.get(what, secret)
    assert not is_marked(used, channel, raw, made)


def test_an_end_has_no_use_for_the_mark_of_an_event() -> None:
    """Its own counts."""
    secret, raw = new_secret(), b"k3v9-7 end 12 " + b"0" * 40 + b"\n"
    assert not is_marked(secret, CHANNEL, raw, mark(secret, b"k3v9-7 end 12 \n"))


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_bytes_are_read(raw: bytes, before: bytes) -> None:
    """Never an error."""
    announced(raw)
    assert not is_marked(new_secret(), CHANNEL, raw, before)
