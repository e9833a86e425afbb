"""Plays the coverage against a running server, as an ordinary editor would.

First the past events, at once and dated back; then the live part, one action at a
time; then the gauge, for as long as the server runs. It writes through an `ApiEditor`
and waits on a `Clock`; it does no I/O of its own.

Restarted on a server that kept its data, it continues where it stopped: every action of
the script before the last published post has been done. A post of the script that is
missing before that position was withdrawn, and stays withdrawn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from stoppress.demo.api_editor import ApiEditor, CallRefused, KnownPost
from stoppress.demo.load_coverage_files import (
    Action,
    ChangeFeed,
    Coverage,
    Edit,
    LevelNotice,
    Publish,
    RiverGauge,
    Withdraw,
)
from stoppress.demo.resolve_coverage_times import Timeline, with_clock_times
from stoppress.demo.river_gauge import GaugeReadings, RiverModel, next_mark, pause_s
from stoppress.demo.system_clock import Clock
from stoppress.domain.post import PostInput

FIRST_READING_S = 12.0

logger = logging.getLogger(__name__)


async def play_all(
    editor: ApiEditor, coverages: Iterable[Coverage], clock: Clock
) -> None:
    """Play each coverage in its own feed, until cancelled or all are played."""
    async with asyncio.TaskGroup() as group:
        for coverage in coverages:
            group.create_task(play(editor, coverage, clock), name=coverage.slug)


async def play(editor: ApiEditor, coverage: Coverage, clock: Clock) -> None:
    """Play one coverage, from where it stopped.

    A refusal (its feed was deleted, the token revoked) ends it with a warning: the
    server keeps serving.
    """
    try:
        await _Player(editor, coverage, clock).play()
    except CallRefused as refusal:
        logger.warning("the demo stops playing %s: %s", coverage.slug, refusal)


def done_before(actions: tuple[Action, ...], shown: Mapping[str, object]) -> int:
    """The number of actions up to the last post that is shown."""
    places = (
        place
        for place, action in enumerate(actions, 1)
        if isinstance(action, Publish) and action.post.external_id in shown
    )
    return max(places, default=0)


class _Player:
    """Plays one coverage; knows its published posts by external id."""

    def __init__(self, editor: ApiEditor, coverage: Coverage, clock: Clock) -> None:
        self._editor = editor
        self._coverage = coverage
        self._slug = coverage.slug
        self._clock = clock
        self._zone = ZoneInfo(coverage.feed.timezone)
        self._timeline = Timeline(clock.now(), self._zone)
        self._shown: dict[str, KnownPost] = {}

    async def play(self) -> None:
        start = self._timeline.moment(self._coverage.coverage_start)
        feed = msgspec.structs.replace(
            self._coverage.feed, coverage_start=start.isoformat()
        )
        await self._editor.open(self._slug, feed)
        self._shown = await self._editor.posts(self._slug)
        gauge = self._coverage.gauge
        if gauge is None or gauge.post.external_id not in self._shown:
            actions = self._coverage.actions
            for action in actions[done_before(actions, self._shown) :]:
                if action.after:
                    await self._clock.sleep(action.after)
                await self._act(action)
        if gauge is not None:
            await self._keep(gauge)

    async def _act(self, action: Action) -> None:
        match action:
            case Publish():
                await self._publish(self._dated(action))
            case Edit():
                held = self._shown.get(action.post)
                if held is not None:
                    await self._editor.edit(self._slug, held.id, action.change)
            case Withdraw():
                held = self._shown.pop(action.post, None)
                if held is not None:
                    await self._editor.withdraw(self._slug, held.id)
            case ChangeFeed():
                await self._editor.change_feed(self._slug, action.change)

    def _dated(self, action: Publish) -> PostInput:
        """The draft with its time; the server dates a live one."""
        if action.at is None:
            moment = self._clock.now().astimezone(self._zone)
            return _at_clock(action.post, moment)
        moment = self._timeline.moment(action.at)
        return msgspec.structs.replace(
            _at_clock(action.post, moment), published_at=moment.isoformat()
        )

    async def _publish(self, draft: PostInput) -> KnownPost | None:
        held = await self._editor.publish(self._slug, draft)
        if held is not None and draft.external_id is not None:
            self._shown[draft.external_id] = held
        return held

    async def _keep(self, gauge: RiverGauge) -> None:
        """Update the gauge's post while it exists, and publish each mark once."""
        river, board = RiverModel(gauge), GaugeReadings(gauge.wall_m)
        held = self._shown.get(gauge.post.external_id or "")
        if held is None:
            await self._clock.sleep(FIRST_READING_S)
            moment = self._clock.now().astimezone(self._zone)
            body = board.body(moment, river.level_m(0))
            held = await self._publish(msgspec.structs.replace(gauge.post, body=body))
        since = None if held is None else datetime.fromisoformat(held.published_at)
        tick = 0
        while held is not None and since is not None:
            await self._clock.sleep(pause_s(tick))
            tick += 1
            moment = self._clock.now().astimezone(self._zone)
            elapsed_s = (moment - since).total_seconds()
            body = board.body(moment, river.level_m(elapsed_s))
            if not await self._editor.edit(self._slug, held.id, {"body": body}):
                return
            mark = next_mark(gauge, river.falling_m(elapsed_s), self._shown)
            if mark is not None and await self._tell(gauge, mark) is None:
                # It was published before and then withdrawn, and stays withdrawn.
                gauge = _without(gauge, mark)

    async def _tell(self, gauge: RiverGauge, mark: LevelNotice) -> KnownPost | None:
        return await self._publish(
            msgspec.structs.replace(
                gauge.post,
                external_id=mark.external_id,
                headline=mark.headline,
                body=mark.body,
            )
        )


def _at_clock(draft: PostInput, moment: datetime) -> PostInput:
    return msgspec.structs.replace(draft, body=with_clock_times(draft.body, moment))


def _without(gauge: RiverGauge, reported: LevelNotice) -> RiverGauge:
    # The marks above it are dropped too: they would come out of order.
    marks = tuple(mark for mark in gauge.marks if mark.below_m < reported.below_m)
    return msgspec.structs.replace(gauge, marks=marks)
