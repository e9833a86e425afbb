"""What comes over a channel is read, or is rubbish; never an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import NO_SUBJECT, Event, EventType, Subject
from stoppress.log.pubsub_message import PubSubMessage, parse

AT = Cursor("k3v9", 7)


@pytest.mark.parametrize(
    ("raw", "heard"),
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
def test_reads_what_the_scripts_write(raw: bytes, heard: PubSubMessage) -> None:
    """A line, and the body as it is."""
    assert parse("x", raw) == heard


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
def test_nothing_breaks_it(raw: bytes) -> None:
    """Any bytes are a message or none."""
    parse("x", raw)
