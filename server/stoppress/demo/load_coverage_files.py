"""The coverage as data: one JSON file per feed, checked against the domain.

A file holds the feed, a `backfill` (published at once, dated back), a `live` part
(one action at a time, each `after` so many seconds) and, at most, a river gauge to
keep. A body is written as a list of paragraphs, so that the files read and diff
like prose. An invalid post is an error on loading, not when it is published.
"""

from __future__ import annotations

from importlib import resources
from typing import cast

import msgspec
from msgspec import Struct

from stoppress.demo.resolve_coverage_times import At
from stoppress.domain.feed import FeedInput
from stoppress.domain.post import PostInput

FILES = ("ostermere-flood.json", "kuzgun-sis.json", "rayhan-1.json")


class Publish(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="publish"
):
    """Publish a post, `at` a time of the script or `after` a wait in seconds."""

    post: PostInput
    at: At | None = None
    after: float = 0.0


class Edit(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="edit"):
    """Change the post of this external id by a merge patch."""

    post: str
    change: dict[str, object]
    after: float = 0.0


class Withdraw(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="withdraw"
):
    """Withdraw the post of this external id."""

    post: str
    after: float = 0.0


class ChangeFeed(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="feed"
):
    """Change the feed itself by a merge patch."""

    change: dict[str, object]
    after: float = 0.0


Action = Publish | Edit | Withdraw | ChangeFeed


class LevelNotice(Struct, frozen=True, forbid_unknown_fields=True):
    """A post published once, when the river falls below a level."""

    below_m: float
    headline: str
    body: str

    @property
    def external_id(self) -> str:
        """The external id of its post, so that it is published once."""
        return f"gauge-below-{round(self.below_m * 100)}"


class RiverGauge(Struct, frozen=True, forbid_unknown_fields=True):
    """A river gauge: the post that is renewed, the model's figures, the marks."""

    post: PostInput
    starts_at_m: float
    usual_m: float
    falls_m_per_h: float
    wall_m: float
    marks: tuple[LevelNotice, ...] = ()


class Coverage(Struct, frozen=True, forbid_unknown_fields=True):
    """One feed and all that happens in it."""

    slug: str
    feed: FeedInput
    coverage_start: At
    backfill: tuple[Action, ...]
    live: tuple[Action, ...]
    gauge: RiverGauge | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        """The whole script, in order."""
        return self.backfill + self.live


def coverages() -> tuple[Coverage, ...]:
    """Every coverage of the demo, the main feed first."""
    return tuple(load(name) for name in FILES)


def load(name: str) -> Coverage:
    """Read one coverage. Raises msgspec.ValidationError, naming the place."""
    text = resources.files(__package__).joinpath(name).read_bytes()
    raw = cast("dict[str, object]", _with_joined_bodies(msgspec.json.decode(text)))
    feed = cast("dict[str, object]", raw["feed"])
    raw["slug"] = feed.pop("slug")
    return msgspec.convert(raw, Coverage)


def _with_joined_bodies(node: object) -> object:
    """The same JSON with each `body` that is a list of paragraphs as Markdown."""
    if isinstance(node, list):
        return [_with_joined_bodies(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: "\n\n".join(value)
        if name == "body" and isinstance(value, list)
        else _with_joined_bodies(value)
        for name, value in node.items()
    }
