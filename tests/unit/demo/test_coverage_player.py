"""The player writes every post once, whatever happens to it or to the server."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from stoppress.demo.api_editor import MAX_RETRY_S, ApiEditor
from stoppress.demo.coverage_player import done_before, play, play_all
from stoppress.demo.load_coverage_files import Coverage, Publish, Withdraw, load
from stoppress.demo.river_gauge import (
    LONGEST_S,
    SHORTEST_S,
    RiverModel,
    next_mark,
    pause_s,
)

from .newsdesk import Desk, Over, VirtualClock

NOON = datetime(2031, 3, 14, 12, 0, tzinfo=UTC)
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def flood() -> Coverage:
    return load("ostermere-flood.json")


def newsroom(desk: Desk, clock: VirtualClock, seed: int = 1) -> ApiEditor:
    return ApiEditor(desk.call, clock, random.Random(seed).random)


async def run(desk: Desk, coverage: Coverage, lasts_s: float) -> VirtualClock:
    """Play for so many seconds, from where the desk's time stands."""
    clock = VirtualClock(desk.clock.now(), lasts_s)
    desk.clock = clock
    with pytest.raises(Over):
        await play(newsroom(desk, clock), coverage, clock)
    return clock


def script(coverage: Coverage) -> list[str]:
    """The external ids that are left when the script has been played."""
    down = {act.post for act in coverage.actions if isinstance(act, Withdraw)}
    published = [act.post for act in coverage.actions if isinstance(act, Publish)]
    names = [post.external_id for post in published if post.external_id not in down]
    return [name for name in names if name is not None]


def story(desk: Desk) -> list[str]:
    """The external ids that are shown, but for the river's marks."""
    return [name for name in desk.names() if not name.startswith("gauge-below")]


@pytest.mark.asyncio
async def test_the_backfill_stands_before_any_time_has_passed(flood: Coverage) -> None:
    """What already happened is there at once, and the first live post soon after."""
    desk = Desk(VirtualClock(NOON))
    clock = await run(desk, flood, lasts_s=3.9)
    assert desk.names() == [
        act.post.external_id for act in flood.backfill if isinstance(act, Publish)
    ]
    assert clock.waits == [4.0]
    assert desk.feeds[flood.slug]["status"] == "live"


@pytest.mark.asyncio
async def test_the_whole_script_is_played_in_order(flood: Coverage) -> None:
    """Every post once, the withdrawn one gone, the pin moved, the correction made."""
    desk = Desk(VirtualClock(NOON))
    await run(desk, flood, lasts_s=HOUR_S)
    assert story(desk) == [*script(flood), "gauge"]
    assert [post["external_id"] for post in desk.withdrawn.values()] == ["flood-35"]
    posts = {post["external_id"]: post for post in desk.posts.values()}
    assert [name for name, post in posts.items() if post.get("pinned")] == ["flood-42"]
    assert posts["flood-34"]["correction"]["note"].startswith("The pump that stopped")


@pytest.mark.asyncio
async def test_sixty_stops_and_starts_publish_nothing_twice(
    flood: Coverage,
) -> None:
    """The server may be stopped anywhere in the script and started on its data."""
    desk = Desk(VirtualClock(NOON))
    chance = random.Random(7)
    for _ in range(60):
        await run(desk, flood, lasts_s=chance.uniform(0, 60))
    published = Counter(name for kind, name in desk.events if kind == "post.published")
    assert set(published.values()) == {1}
    assert story(desk) == [*script(flood), "gauge"]
    edits = Counter(name for kind, name in desk.events if kind == "post.updated")
    assert edits["flood-34"] == 1


@pytest.mark.asyncio
async def test_a_start_after_the_script_only_keeps_the_gauge(flood: Coverage) -> None:
    """Days later nothing of the story is told again."""
    desk = Desk(VirtualClock(NOON))
    await run(desk, flood, lasts_s=HOUR_S)
    before = len(desk.events)
    await run(desk, flood, lasts_s=900)
    names = {name for _, name in desk.events[before:]}
    assert all(name.startswith("gauge") for name in names)
    assert "gauge" in names


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(5))
async def test_an_unsettled_answer_is_asked_again(flood: Coverage, seed: int) -> None:
    """503 before or after the write, or a cut line: each post is there once."""
    desk = Desk(VirtualClock(NOON))
    chance = random.Random(seed)
    faults = ("before", "after", "cut", "", "")
    desk.fault = lambda _: chance.choice(faults)
    clock = await run(desk, flood, lasts_s=2 * HOUR_S)
    published = Counter(name for kind, name in desk.events if kind == "post.published")
    assert set(published.values()) == {1}
    assert story(desk) == [*script(flood), "gauge"]
    assert max(clock.waits) <= max(MAX_RETRY_S, LONGEST_S)


@pytest.mark.asyncio
async def test_the_waits_of_a_long_outage_grow_to_a_bound(flood: Coverage) -> None:
    """A server that is away is asked ever less often, and at no fixed beat."""
    desk = Desk(VirtualClock(NOON))
    desk.fault = lambda _: "before"
    clock = await run(desk, flood, lasts_s=HOUR_S)
    assert clock.waits[0] <= 0.5
    assert max(clock.waits) <= MAX_RETRY_S
    assert len(set(clock.waits)) == len(clock.waits)
    assert len(clock.waits) < HOUR_S / MAX_RETRY_S * 3


@pytest.mark.asyncio
async def test_a_post_that_the_desk_took_down_stays_down(flood: Coverage) -> None:
    """The player neither edits nor publishes again what somebody withdrew."""
    desk = Desk(VirtualClock(NOON))
    await run(desk, flood, lasts_s=3.9)
    for post_id, post in list(desk.posts.items()):
        if post["external_id"] in {"flood-29", "flood-27"}:
            desk.withdrawn[post_id] = desk.posts.pop(post_id)
    await run(desk, flood, lasts_s=HOUR_S)
    assert {"flood-27", "flood-29"}.isdisjoint(desk.names())
    assert story(desk)[-1] == "gauge"


@pytest.mark.asyncio
async def test_somebody_elses_edit_is_kept(flood: Coverage) -> None:
    """An edit that lost the race is made to what the post is now."""
    desk = Desk(VirtualClock(NOON))
    await run(desk, flood, lasts_s=3.9)
    held = next(p for p in desk.posts.values() if p["external_id"] == "flood-29")
    raced = False

    def race(_: int) -> str:
        nonlocal raced
        if not raced and desk.requests[-1] == (
            "PATCH",
            f"/v1/feeds/{flood.slug}/posts/{held['id']}",
        ):
            raced = True
            held.update(headline="From the desk", rev=held["rev"] + 1)
        return ""

    desk.fault = race
    await run(desk, flood, lasts_s=30)
    assert raced
    assert held["headline"] == "From the desk"
    assert held["body"].startswith("Volunteers")


@pytest.mark.asyncio
async def test_a_deleted_feed_ends_its_play_alone(
    flood: Coverage, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleting a demo feed is a warning and no crash."""
    clock = VirtualClock(NOON)
    desk = Desk(clock)

    def drop(_: int) -> str:
        if len(desk.events) > 5:
            desk.feeds.clear()
        return ""

    desk.fault = drop
    await play_all(newsroom(desk, clock), [flood], clock)
    assert "stops playing ostermere-flood" in caplog.text


@pytest.mark.asyncio
async def test_the_gauge_is_one_post_however_long_it_runs(flood: Coverage) -> None:
    """Two days add the marks that the river fell below, and no post more."""
    desk = Desk(VirtualClock(NOON))
    await run(desk, flood, lasts_s=48 * HOUR_S)
    assert flood.gauge is not None
    marks = [mark.external_id for mark in flood.gauge.marks]
    reported = [name for name in desk.names() if name.startswith("gauge-below")]
    assert reported == marks[: len(reported)]
    assert 3 <= len(reported)
    assert desk.names().count("gauge") == 1
    gauge = next(p for p in desk.posts.values() if p["external_id"] == "gauge")
    assert gauge["rev"] > 1000
    assert gauge["body"].count("\n- ") == 6


def test_the_river_falls_and_readings_are_a_minute_apart(flood: Coverage) -> None:
    """The model only falls; its readings never share a minute."""
    assert flood.gauge is not None
    river = RiverModel(flood.gauge)
    levels = [river.falling_m(hour * HOUR_S) for hour in range(500)]
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] > flood.gauge.usual_m
    assert all(60 < SHORTEST_S <= pause_s(n) <= LONGEST_S <= 90 for n in range(500))


def test_of_the_marks_missed_only_the_lowest_is_told(flood: Coverage) -> None:
    """After a long stop the river does not tell its whole way down."""
    assert flood.gauge is not None
    mark = next_mark(flood.gauge, 4.9, set())
    assert mark is not None and mark.below_m == 5.0
    assert next_mark(flood.gauge, 4.9, {mark.external_id}) is None
    assert next_mark(flood.gauge, 5.3, set()) is None


def test_actions_before_the_last_shown_post_are_done(flood: Coverage) -> None:
    """The place to go on is after the last post shown, whatever is missing."""
    assert done_before(flood.actions, {}) == 0
    place = done_before(flood.actions, {"flood-03": 1, "flood-36": 1})
    last = flood.actions[place - 1]
    assert isinstance(last, Publish) and last.post.external_id == "flood-36"
