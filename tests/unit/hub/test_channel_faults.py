"""What one feed holds that can't be sent, and what this release does not know."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.event import EventType, Subject
from stoppress.domain.store_requests_and_results import Change
from tests.unit.hub.benches import ChannelHarness, SocketPair


def break_feed(harness: ChannelHarness, slug: str) -> None:
    """Append an event that no message can be made of: its time has no text."""
    change = Change(EventType.PUBLISHED, Subject.post("p"), 0, 1, b"{}", order=1)
    harness.upstream.store.append(slug, change, at=1 << 60)


def _types(reader: SocketPair) -> list[str]:
    reader.read()
    return [message["type"] for message in reader.messages()]


def test_an_unencodable_event_resets_only_the_readers_of_its_feed(
    harness: ChannelHarness,
) -> None:
    """After a pause; then the feed goes on. The other feed is not affected."""
    broken, sound = harness.channel("broken"), harness.channel("sound")
    reader, late = harness.reader(broken), harness.reader(broken, Cursor("k3v9", 0))
    other = harness.reader(sound)
    break_feed(harness, "broken")
    harness.upstream.publish("sound")
    harness.bench.turn()
    assert _types(other) == ["hello", "post.published"]
    assert _types(reader) == ["hello"]
    assert harness.bench.counts.failures == ["sending"]
    harness.bench.rest()
    assert _types(reader) == _types(late) == ["hello", "reset"]
    assert late.messages()[-1]["cursor"] == "k3v9-1"
    harness.upstream.publish("broken")
    harness.bench.turn()
    assert _types(reader) == ["hello", "reset", "post.published"]
    assert harness.bench.counts.failures == ["sending"]


def test_events_that_can_not_be_encoded_are_not_given_to_a_poll(
    harness: ChannelHarness,
) -> None:
    """It learns that it can't be continued, as everybody else does."""
    channel = harness.channel()
    break_feed(harness, "x")
    assert channel.messages_after(Cursor("k3v9", 0), 10) is None
    assert not channel.can_resume(Cursor("k3v9", 0))
    harness.upstream.publish("x")
    found = channel.messages_after(Cursor("k3v9", 1), 10)
    assert found is not None and len(found) == 1


def test_a_feed_that_can_not_be_read_changes_nothing(harness: ChannelHarness) -> None:
    """Neither as an event nor as a window: what is shown stays, until it can."""
    channel = harness.channel()
    with pytest.raises(msgspec.DecodeError):
        harness.upstream._add("x", EventType.FEED, "", b"{no JSON")
    assert (channel.ring.head, channel.feed_state.status) == (0, "live")
    with pytest.raises(msgspec.DecodeError):
        channel.fill(harness.upstream.store.kept["x"].window())
    assert (channel.ring.head, channel.feed_state.status) == (0, "live")


def test_an_event_of_a_later_release_is_sent(harness: ChannelHarness) -> None:
    """By its name, live and to who catches up, in its place in the order."""
    channel = harness.channel()
    live = harness.reader(channel)
    harness.upstream.publish("x", post="p")
    harness.upstream._add("x", EventType("later.noted"), "", b"")
    harness.upstream.publish("x")
    late = harness.reader(channel, Cursor("k3v9", 1))
    harness.bench.turn()
    kinds = ["later.noted", "post.published"]
    assert _types(live) == ["hello", "post.published", *kinds]
    assert _types(late) == ["hello", *kinds]
    assert list(late.messages()[1]) == ["type", "feed", "cursor", "at"]
