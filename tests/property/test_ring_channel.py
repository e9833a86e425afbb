"""A channel under everything at once: every follow gets every seq once, or a reset.

Pushes, joins at any cursor, seeks, sockets that fill and drain, withdrawals, lost
and restarted logs, turns of the sweep, in any order. What a peer has read must at
every moment be: hello or reset, then one event after the other without a hole.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    rule,
)

from stoppress.domain.cursor import Cursor
from stoppress.hub.channel import Channel
from stoppress.hub.follow_and_round_robin_order import Follow
from stoppress.wire.close_codes import CloseCode
from tests.scripted_upstream import ScriptedUpstream
from tests.unit.hub.benches import Bench, Message, SocketPair, join

FEED = "x"
RING = 24


@dataclass(eq=False)
class Peer:
    """A reader, and what is known of where it asked to be."""

    reader: SocketPair
    follow: Follow
    asked: list[Cursor | None] = field(default_factory=list)


class ChannelAgainstPeers(RuleBasedStateMachine):
    """One channel, its log, and readers of all tempers."""

    peers = Bundle("peers")

    @initialize()
    def begin(self) -> None:
        self.bench = Bench(ring_events=RING)
        self.upstream = ScriptedUpstream()
        self.log = self.upstream.make(FEED, "e0")
        self.epochs = 0
        self.everyone: list[Peer] = []
        for _ in range(5):
            self.upstream.publish(FEED)
        self.channel = Channel(FEED, self.bench)
        self.upstream.sinks[FEED] = self.channel
        self.channel.fill(self.upstream.window(FEED))

    @rule(count=st.integers(1, 40), size=st.sampled_from([1, 2_000, 70_000]))
    def publish(self, count: int, size: int) -> None:
        for _ in range(count):
            self.upstream.publish(FEED, "n" * size, f"p{self.log.seq % 7}")

    @rule(which=st.integers(0, 6))
    def withdraw(self, which: int) -> None:
        self.upstream.withdraw(FEED, f"p{which}")

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.upstream.held = held
        if not held:
            self.upstream.deliver(FEED)

    @rule(window=st.integers(1, 40))
    def lose(self, window: int) -> None:
        """What was held back is lost, and the log is read again."""
        self.upstream.window_events = window
        self.upstream.lose(FEED)
        self.upstream.held = False

    @rule(keep=st.integers(0, 10))
    def restart(self, keep: int) -> None:
        self.epochs += 1
        self.upstream.restart(FEED, f"e{self.epochs}", keep)
        self.upstream.held = False

    @rule(turns=st.integers(1, 3))
    def sweep(self, turns: int) -> None:
        self.bench.turn(turns)

    @rule()
    def beat(self) -> None:
        self.channel.send_notice("beat", b'{"type":"beat"}')

    @rule(
        target=peers,
        back=st.none() | st.integers(0, 40),
        epoch=st.integers(0, 1),
    )
    def come(self, back: int | None, epoch: int) -> Peer:
        cursor = self._place(back, epoch)
        reader = SocketPair(self.bench)
        peer = Peer(reader, join(reader, self.channel, cursor), [cursor])
        self.everyone.append(peer)
        return peer

    @rule(peer=peers, back=st.none() | st.integers(0, 40), epoch=st.integers(0, 1))
    def seek(self, peer: Peer, back: int | None, epoch: int) -> None:
        if not peer.reader.closing:
            peer.asked.append(self._place(back, epoch))
            peer.follow = join(peer.reader, self.channel, peer.asked[-1])

    @rule(peer=consumes(peers))
    def go(self, peer: Peer) -> None:
        peer.reader.leave_all()

    @rule(peer=peers, size=st.sampled_from([1, 700, 5_000, 1 << 30]))
    def read(self, peer: Peer, size: int) -> None:
        peer.reader.read(size)
        self._check(peer)

    def _place(self, back: int | None, epoch: int) -> Cursor | None:
        if back is None:
            return None
        head = self.channel.ring.cursor
        name = head.epoch if epoch else "elsewhere"
        return Cursor(name, max(0, head.seq - back))

    def _check(self, peer: Peer) -> list[Message]:
        """What a peer has read is a line without a hole or a repeat."""
        messages = peer.reader.messages()
        place: Cursor | None = None
        for message in messages:
            kind = message["type"]
            if kind == "beat":
                continue
            cursor = Cursor.parse(message["cursor"])
            if kind == "hello":
                assert message["resumed"] == (cursor in peer.asked) or (
                    not message["resumed"]
                )
            elif kind != "reset":
                assert place is not None
                assert cursor == (place.epoch, place.seq + 1)
            place = cursor
        return messages

    def teardown(self) -> None:
        """When all have read all, who still follows is at the head."""
        if not hasattr(self, "channel"):
            return
        self.upstream.held = False
        self.upstream.deliver(FEED)
        for _ in range(10_000):
            if not self.bench.turn() and not any(
                peer.reader.blocked and not peer.reader.closing
                for peer in self.everyone
            ):
                break
            for peer in self.everyone:
                peer.reader.read()
        for peer in self.everyone:
            peer.reader.read()
            messages = [m for m in self._check(peer) if m["type"] != "beat"]
            if peer.follow.channel is not None:
                assert messages[-1]["cursor"] == str(self.channel.ring.cursor)
                assert peer.reader.rest() == 0
            else:
                assert peer.reader.closing in (0, CloseCode.SLOW)
            peer.reader.done()
        assert self.channel.size == 0
        assert not self.channel.is_behind()


ChannelAgainstPeers.TestCase.settings = settings(
    max_examples=80, stateful_step_count=50, deadline=None
)
TestChannel = ChannelAgainstPeers.TestCase
