"""A feed becomes live only when what was read and heard make a whole."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable

import pytest

from stoppress.domain.cursor import Cursor
from stoppress.domain.errors import NotFound, Unavailable
from stoppress.domain.event import Event, EventType, Subject
from stoppress.domain.store_requests_and_results import LogWindow
from stoppress.log import followed_feed as module
from stoppress.log.feed_read_scripts import (
    LogPiece,
    MarkedWindow,
)
from stoppress.log.followed_feed import FollowedFeed
from stoppress.log.pubsub_message import PubSubMessage, new_secret

EPOCH = "k3v9"
SECRET = new_secret()


def event(seq: int) -> Event:
    """An event that says which it is."""
    return Event(seq, EventType.PUBLISHED, 0, Subject.post(f"p{seq}"), b"%d" % seq)


def received(seq: int, epoch: str = EPOCH) -> PubSubMessage:
    """Its message."""
    return PubSubMessage(Cursor(epoch, seq), event(seq))


class Book:
    """A log in memory; `meanwhile` happens while it is read."""

    def __init__(self, head: int, epoch: str = EPOCH) -> None:
        self.head = Cursor(epoch, head)
        self.first = 1
        self.piece = 1000
        self.readings = 0
        self.missing: set[int] = set()
        self.meanwhile: list[Callable[[], object]] = []

    def _read(self, seqs: range) -> tuple[Event, ...]:
        self.readings += 1
        found = tuple(event(seq) for seq in seqs if seq not in self.missing)
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return found

    async def window(self, feed: str) -> LogWindow:
        """The newest part."""
        head = self.head
        return LogWindow(head, self._read(range(self.first, head.seq + 1)), b"feed")

    async def marked_window(self, feed: str) -> MarkedWindow:
        """The same, with the secret."""
        return MarkedWindow(await self.window(feed), SECRET)

    async def since(self, feed: str, seq: int) -> LogPiece:
        """What followed."""
        head = self.head
        start = max(seq + 1, self.first)
        stop = min(head.seq, seq + self.piece) + 1
        events = self._read(range(start, stop))
        return LogPiece(head, b"feed", events, SECRET)

    async def renew(self, feed: str, reported: Cursor) -> Cursor:
        """Begin anew, if the tail is lost."""
        if self.head.epoch == reported.epoch and self.head.seq < reported.seq:
            self.head = Cursor(f"after-{reported}", 0)
        return self.head


class Notes:
    """A sink that notes what it gets."""

    def __init__(self) -> None:
        self.fills = 0
        self.seqs: list[int] = []
        self.ended = 0

    def fill(self, window: LogWindow) -> None:
        """Start again."""
        self.fills += 1
        self.seqs = [one.seq for one in window.events]

    def push(self, one: Event) -> None:
        """Take the next."""
        self.seqs.append(one.seq)

    def end(self) -> None:
        """The feed was deleted."""
        self.ended += 1

    def notice(self, payload: bytes) -> None:
        """A message that is no event."""


async def _listening() -> None:
    return


def mended(followed: FollowedFeed, book: Book) -> str:
    """Mend it."""
    return asyncio.run(followed.mend(book, _listening))


@pytest.fixture
def notes() -> Notes:
    """A sink."""
    return Notes()


def live(notes: Notes, head: int = 3) -> tuple[FollowedFeed, Book]:
    """A feed that is live, at `head`."""
    book = Book(head)
    followed = FollowedFeed("x", notes)
    assert mended(followed, book) == "window"
    return followed, book


def test_messages_during_a_reading_continue_the_log(notes: Notes) -> None:
    """No second reading is needed."""
    book = Book(3)
    followed = FollowedFeed("x", notes)
    book.meanwhile = [lambda: [followed.hear(received(seq)) for seq in (3, 4, 5)]]
    mended(followed, book)
    assert notes.seqs == [1, 2, 3, 4, 5]
    assert followed.hear(received(6)) is False
    assert notes.seqs[-1] == 6
    assert (notes.fills, book.readings) == (1, 1)


def test_a_line_lost_while_it_was_read_means_reading_again(notes: Notes) -> None:
    """What came between may be in neither."""
    book = Book(3)
    followed = FollowedFeed("x", notes)

    def lose() -> None:
        followed.lost = True
        book.head = Cursor(EPOCH, 5)

    book.meanwhile = [lose]
    mended(followed, book)
    assert notes.seqs == [1, 2, 3, 4, 5]
    assert book.readings == 2


@pytest.mark.parametrize(
    "message",
    [received(6), None, received(1, "zzzz"), PubSubMessage(Cursor("zzzz", 0), None)],
)
def test_a_message_that_does_not_follow_makes_it_read_the_log_once(
    notes: Notes, message: PubSubMessage | None
) -> None:
    """A jump, rubbish, another epoch: once, however much of it comes."""
    followed, book = live(notes)
    assert followed.hear(message) is True
    assert followed.hear(message) is False
    assert notes.seqs == [1, 2, 3]
    book.head = Cursor(EPOCH, 6)
    assert mended(followed, book) == "log"
    assert notes.seqs == [1, 2, 3, 4, 5, 6]
    assert notes.fills == 1


def test_a_repeated_message_is_not_delivered_again(notes: Notes) -> None:
    """A repeat changes nothing."""
    followed, _ = live(notes)
    assert followed.hear(received(2)) is False
    assert followed.hear(received(3)) is False
    assert notes.seqs == [1, 2, 3]


def test_far_behind_it_reads_on_and_on(notes: Notes) -> None:
    """Piece by piece, each shown as it comes."""
    followed, book = live(notes)
    followed.break_off()
    book.head, book.piece = Cursor(EPOCH, 20), 4
    assert mended(followed, book) == "log"
    assert notes.seqs == list(range(1, 21))


@pytest.mark.parametrize("missing", [4, 5, 6])
def test_a_hole_in_the_log_begins_anew(notes: Notes, missing: int) -> None:
    """Nothing is shown across it."""
    followed, book = live(notes)
    followed.break_off()
    book.head, book.missing = Cursor(EPOCH, 6), {missing}
    assert mended(followed, book) == "window"
    assert notes.fills == 2
    assert notes.seqs == list(range(missing + 1, 7))


def test_a_log_that_begins_later_begins_anew(notes: Notes) -> None:
    """It was trimmed meanwhile."""
    followed, book = live(notes)
    followed.break_off()
    book.head, book.first = Cursor(EPOCH, 50), 40
    assert mended(followed, book) == "window"
    assert notes.seqs == list(range(40, 51))


def test_another_epoch_begins_anew(notes: Notes) -> None:
    """And goes on in it."""
    followed, _ = live(notes)
    followed.break_off()
    assert mended(followed, Book(1, "zzzz")) == "epoch"
    assert followed.cursor == Cursor("zzzz", 1)
    assert notes.seqs == [1]
    assert followed.hear(received(2, "zzzz")) is False
    assert notes.seqs == [1, 2]


def test_the_number_of_held_messages_is_bounded(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is let go is read again."""
    monkeypatch.setattr(module, "PENDING", 10)
    let_go = 0

    def overflowed() -> None:
        nonlocal let_go
        let_go += 1

    book = Book(3)
    followed = FollowedFeed("x", notes, overflowed)

    def pour() -> None:
        for seq in range(4, 20):
            followed.hear(received(seq))
        assert len(followed.held or ()) <= 10
        book.head = Cursor(EPOCH, 19)

    book.meanwhile = [pour]
    mended(followed, book)
    assert notes.seqs == list(range(1, 20))
    assert (let_go, book.readings) == (1, 2)


def test_the_end_is_told_once(notes: Notes) -> None:
    """Whether it is live or read meanwhile; of this epoch only."""
    followed, _ = live(notes)
    end = PubSubMessage(Cursor(EPOCH, 3), None, ends=True)
    assert followed.hear(end) is False
    assert followed.hear(end) is False
    assert followed.hear(received(9)) is False
    assert notes.ended == 1
    other = Notes()
    reading, book = FollowedFeed("x", other), Book(3)
    book.meanwhile = [lambda: reading.hear(end)]
    mended(reading, book)
    assert (other.fills, other.ended) == (1, 1)


def test_a_log_that_never_comes_to_rest_is_given_up(notes: Notes) -> None:
    """For a while: the feed stays to be mended, and others get their turn."""
    book = Book(3)
    followed = FollowedFeed("x", notes)
    book.meanwhile = [lambda: followed.hear(None)] * 100
    with pytest.raises(Unavailable):
        mended(followed, book)
    assert book.readings == module.CATCH_UP_ATTEMPTS
    assert followed.held is not None
    assert notes.fills == 0


def test_a_log_that_was_set_back_begins_anew(notes: Notes) -> None:
    """Though its epoch is the same: what comes would bear numbers that are taken."""
    followed, book = live(notes, 9)
    book.head = Cursor(EPOCH, 5)
    assert followed.hear(received(6)) is False
    assert followed.break_off()
    assert mended(followed, book) == "epoch"
    assert followed.cursor == (f"after-{EPOCH}-9", 0)
    assert (notes.fills, notes.seqs) == (2, [])
    book.head = followed.cursor._replace(seq=1)
    assert followed.hear(received(1, book.head.epoch)) is False
    assert notes.seqs == [1]


def test_a_feed_that_is_gone_says_so(notes: Notes) -> None:
    """The mender decides what that means."""

    class Nothing(Book):
        async def window(self, feed: str) -> LogWindow:
            raise NotFound(feed)

    with pytest.raises(NotFound):
        mended(FollowedFeed("x", notes), Nothing(0))


CHANNEL = b"stoppress:{x}:line"


def raw(seq: int, epoch: str = EPOCH) -> bytes:
    """An event's message, as it comes."""
    return b"%b-%d post.published 0 p%d\n%d" % (epoch.encode(), seq, seq, seq)


def announcement(message: bytes) -> bytes:
    """What goes before it."""
    key = SECRET[:32].translate(bytes(byte ^ 0x36 for byte in range(256)))
    mark = hmac.new(key, CHANNEL + b"\n" + message, "sha1").hexdigest()
    return f"{EPOCH}-0 epoch 0 +{mark}\n".encode()


def send(feed: FollowedFeed, *seqs: int) -> bool:
    """Marked messages."""
    broken = False
    for seq in seqs:
        assert not feed.take(announcement(raw(seq)))
        broken |= feed.take(raw(seq))
    return broken


def test_a_marked_message_is_delivered() -> None:
    """The secret comes with the log."""
    sink, book = Notes(), Book(2)
    feed = FollowedFeed("x", sink)
    mended(feed, book)
    assert not send(feed, 3, 4)
    assert sink.seqs == [1, 2, 3, 4]
    assert (feed.rung, feed.unmarked) == (False, 0)


def test_a_message_without_its_own_mark_is_not_shown() -> None:
    """A mark counts for the message that follows on it, and for no other."""
    sink, book = Notes(), Book(2)
    feed = FollowedFeed("x", sink)
    mended(feed, book)
    assert not feed.take(raw(3))
    assert not feed.take(announcement(raw(3)))
    assert not feed.take(raw(4))
    assert not feed.take(raw(3))
    assert not feed.take(b"k3v9-2 end 0 \n")
    assert sink.seqs == [1, 2] and not sink.ended and feed.held is None
    assert (feed.rung, feed.unmarked, feed.malformed) == (True, 4, 0)


def test_messages_before_the_secret_is_known_are_checked_later() -> None:
    """The first reading is enough; what is forged spoils it not, and rings."""
    sink, book = Notes(), Book(2)
    feed = FollowedFeed("x", sink)

    def meanwhile() -> None:
        send(feed, 2, 3)
        feed.take(raw(4, "forged"))
        feed.take(b"nonsense")

    book.meanwhile.append(meanwhile)
    mended(feed, book)
    assert sink.seqs == [1, 2, 3] and book.readings == 1
    assert (feed.rung, feed.unmarked, feed.malformed) == (True, 2, 1)


def test_forged_messages_without_end_spoil_no_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are let go, and the log is read once more for what went with them."""
    monkeypatch.setattr(module, "PENDING", 3)
    sink, book = Notes(), Book(2)
    feed = FollowedFeed("x", sink)
    book.meanwhile.append(lambda: [feed.take(raw(9, "forged")) for _ in range(50)])
    mended(feed, book)
    assert feed.held is None and feed.rung and book.readings == 1
