"""The coverage is whole: rich, valid, and its pictures are there."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stoppress.demo.load_coverage_files import (
    ChangeFeed,
    Coverage,
    Edit,
    Publish,
    Withdraw,
    coverages,
)
from stoppress.domain.feed import FeedInput, check_slug
from stoppress.domain.post import Media, PostInput

PAGES = Path(__file__).parents[3] / "client_demo" / "demo"
ALL = coverages()


def drafts(coverage: Coverage) -> list[PostInput]:
    return [act.post for act in coverage.actions if isinstance(act, Publish)]


def edits(coverage: Coverage) -> list[Edit]:
    return [act for act in coverage.actions if isinstance(act, Edit)]


def media() -> list[Media]:
    return [item for c in ALL for post in drafts(c) for item in post.media]


def test_there_is_a_main_feed_and_one_in_turkish_and_in_arabic() -> None:
    """Three feeds in three languages, the Arabic one from right to left."""
    found = [(c.feed.language, c.feed.direction) for c in ALL]
    assert found == [("en", "ltr"), ("tr", "ltr"), ("ar", "rtl")]
    assert len({check_slug(c.slug) for c in ALL}) == 3


def test_the_main_feed_has_everything_a_live_blog_has() -> None:
    """At least 40 posts, with every kind of thing that may happen to one."""
    main = ALL[0]
    posts = drafts(main)
    assert len(posts) >= 40
    assert 20 <= len([act for act in main.backfill if isinstance(act, Publish)]) <= 32
    assert any(post.key for post in posts)
    assert any(post.breaking for post in posts)
    assert any(post.source and post.source.url for post in posts)
    assert any(not post.headline for post in posts)
    assert len({author.name for post in posts for author in post.authors}) >= 3
    assert {"tr", "ar"} <= {post.language for post in posts}
    assert all(post.direction == "rtl" for post in posts if post.language == "ar")
    assert any(isinstance(act, Withdraw) for act in main.live)
    assert any(edit.change.get("correction") for edit in edits(main))
    assert any("correction" not in edit.change for edit in edits(main))
    kinds = {item.type for post in posts for item in post.media}
    assert kinds == {"image", "quote", "link", "embed"}


def test_the_pin_moves() -> None:
    """One post is pinned at first, another one later."""
    main = ALL[0]
    first = [post.external_id for post in drafts(main) if post.pinned]
    later = [edit.post for edit in edits(main) if edit.change.get("pinned") is True]
    assert len(first) == len(later) == 1
    assert first != later


def test_the_feed_itself_is_edited_live() -> None:
    """Title, standfirst, summary and status change before the reader's eyes."""
    changes = [act.change for act in ALL[0].live if isinstance(act, ChangeFeed)]
    assert {name for change in changes for name in change} == {
        "title",
        "standfirst",
        "summary",
        "status",
    }
    assert ALL[0].feed.status == "upcoming"


@pytest.mark.parametrize("coverage", ALL, ids=lambda c: c.slug)
def test_every_name_is_used_once_and_before_it_is_spoken_of(coverage: Coverage) -> None:
    """An edit or withdrawal names a post published before it and still shown."""
    names = [post.external_id for post in drafts(coverage)]
    assert None not in names
    assert len(set(names)) == len(names)
    shown: set[str | None] = set()
    for action in coverage.actions:
        if isinstance(action, Publish):
            shown.add(action.post.external_id)
        elif isinstance(action, Edit):
            assert action.post in shown
        elif isinstance(action, Withdraw):
            shown.remove(action.post)


@pytest.mark.parametrize("coverage", ALL, ids=lambda c: c.slug)
def test_every_change_leaves_a_valid_draft(coverage: Coverage) -> None:
    """What an edit makes of a post, or a change of a feed, the contract allows."""
    posts: dict[str | None, Any] = {
        post.external_id: msgspec.to_builtins(post) for post in drafts(coverage)
    }
    feed: dict[str, Any] = msgspec.to_builtins(coverage.feed)
    for action in coverage.actions:
        if isinstance(action, Edit):
            assert posts[action.post] != {**posts[action.post], **action.change}
            posts[action.post] |= action.change
            msgspec.convert(posts[action.post], PostInput)
        elif isinstance(action, ChangeFeed):
            feed |= action.change
            msgspec.convert(feed, FeedInput)


@pytest.mark.parametrize("coverage", ALL, ids=lambda c: c.slug)
def test_live_actions_come_one_at_a_time(coverage: Coverage) -> None:
    """Soon after the start, then neither a flood nor a silence."""
    waits = [action.after for action in coverage.live]
    assert waits[0] <= 12
    assert all(6 <= wait <= 45 for wait in waits[1:])
    assert all(act.at is None for act in coverage.live if isinstance(act, Publish))


def test_the_main_feed_moves_every_few_seconds() -> None:
    """The first live action after 4 seconds, then one each 6 to 20."""
    first, *rest = [action.after for action in ALL[0].live]
    assert first == 4
    assert all(6 <= wait <= 20 for wait in rest)


def test_a_withdrawn_post_is_followed_by_another_before_it_goes() -> None:
    """Otherwise a restart in between could not tell that it was published."""
    for coverage in ALL:
        actions = coverage.actions
        for place, action in enumerate(actions):
            if isinstance(action, Withdraw):
                assert isinstance(actions[place - 1], Publish)


def test_links_lead_to_no_real_host() -> None:
    """Every address is of this server or under a name reserved for examples."""
    text = msgspec.json.encode(ALL).decode()
    for part in text.split("https://")[1:]:
        host = part.split("/")[0].split('"')[0]
        assert host.endswith(".example") or host == "example.org"
    assert "http://" not in text


@pytest.mark.parametrize(
    "item", [item for item in media() if item.type == "image"], ids=lambda m: m.url
)
def test_every_picture_is_there_with_its_size(item: Media) -> None:
    """Well-formed, of the stated size, described and credited."""
    assert item.url is not None
    root = ET.parse(PAGES / item.url.removeprefix("/demo/")).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height")) == (
        str(item.width),
        str(item.height),
    )
    assert root.get("viewBox") == f"0 0 {item.width} {item.height}"
    assert item.alt and item.caption and item.credit


def test_there_are_pictures_enough_and_each_is_used() -> None:
    """At least six, and none lies about unseen."""
    used = {Path(item.url).name for item in media() if item.url and ".svg" in item.url}
    assert len(used) >= 6
    pages = "".join(page.read_text() for page in PAGES.glob("*.html"))
    lying = {path.name for path in (PAGES / "pictures").glob("*.svg")} - used
    assert {name for name in lying if f"pictures/{name}" not in pages} == set()


def test_feeds_and_embeds_show_what_is_there() -> None:
    """A feed's picture and an embedded page exist too."""
    for coverage in ALL:
        assert coverage.feed.image is not None
        assert (PAGES / coverage.feed.image.url.removeprefix("/demo/")).is_file()
    for item in media():
        if item.type == "embed":
            assert item.url is not None
            assert (PAGES / item.url.removeprefix("/demo/")).is_file()
