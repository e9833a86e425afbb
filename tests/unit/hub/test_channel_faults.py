"""What one feed holds that can't be sent, and what this release does not know."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_requests_and_results import Change
from tests.unit.hub.benches import Room, SocketPair


def break_feed(room: Room, slug: str) -> None:
    """Append an event that no message can be made of: its time has no text."""
    change = Change(EventType.PUBLISHED, Subject.post("p"), 0, 1, b"{}", order=1)
    room.paper.store.append(slug, change, at=1 << 60)


def _types(reader: SocketPair) -> list[str]:
    reader.read()
    return [message["type"] for message in reader.messages()]


def test_what_can_not_be_sent_resets_the_readers_of_its_feed_alone(room: Room) -> None:
    """After a pause; then the line goes on, and the other feed never noticed."""
    broken, sound = room.channel("broken"), room.channel("sound")
    reader, late = room.reader(broken), room.reader(broken, Cursor("k3v9", 0))
    other = room.reader(sound)
    break_feed(room, "broken")
    room.paper.publish("sound")
    room.bench.turn()
    assert _types(other) == ["hello", "post.published"]
    assert _types(reader) == ["hello"]
    assert room.bench.counts.failures == ["sending"]
    room.bench.rest()
    assert _types(reader) == _types(late) == ["hello", "reset"]
    assert late.messages()[-1]["cursor"] == "k3v9-1"
    room.paper.publish("broken")
    room.bench.turn()
    assert _types(reader) == ["hello", "reset", "post.published"]
    assert room.bench.counts.failures == ["sending"]


def test_events_that_can_not_be_encoded_are_not_given_to_a_poll(room: Room) -> None:
    """It learns that it can't be continued, as everybody else does."""
    channel = room.channel()
    break_feed(room, "x")
    assert channel.messages_after(Cursor("k3v9", 0), 10) is None
    assert not channel.can_resume(Cursor("k3v9", 0))
    room.paper.publish("x")
    found = channel.messages_after(Cursor("k3v9", 1), 10)
    assert found is not None and len(found) == 1


def test_a_feed_that_can_not_be_read_changes_nothing(room: Room) -> None:
    """Neither as an event nor as a window: what is shown stays, until it can."""
    channel = room.channel()
    with pytest.raises(msgspec.DecodeError):
        room.paper._add("x", EventType.FEED, "", b"{no JSON")
    assert (channel.ring.head, channel.feed_state.status) == (0, "live")
    with pytest.raises(msgspec.DecodeError):
        channel.fill(room.paper.store.kept["x"].window())
    assert (channel.ring.head, channel.feed_state.status) == (0, "live")


def test_an_event_of_a_later_release_is_sent(room: Room) -> None:
    """By its name, live and to who catches up, in its place in the order."""
    channel = room.channel()
    live = room.reader(channel)
    room.paper.publish("x", post="p")
    room.paper._add("x", EventType("later.noted"), "", b"")
    room.paper.publish("x")
    late = room.reader(channel, Cursor("k3v9", 1))
    room.bench.turn()
    kinds = ["later.noted", "post.published"]
    assert _types(live) == ["hello", "post.published", *kinds]
    assert _types(late) == ["hello", *kinds]
    assert list(late.messages()[1]) == ["type", "feed", "cursor", "at"]
