"""What is kept of what an editor sent, and what of it may be edited."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.desk.input_to_record import (
    NewFeed,
    check_draft,
    check_feed,
    editable_feed,
    editable_post,
    edited,
    edited_feed,
    new_feed,
    new_post,
    order,
    time_zones,
    unpinned,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.feed import Feed, FeedInput, Status
from stoppress.domain.post import CorrectionNote, Media, Post, PostInput
from stoppress.domain.timestamps import instant

NOW = 1_795_340_000_000
LATER = NOW + 60_000


def made(**given: object) -> Post:
    """A post as kept."""
    draft = check_draft(PostInput(**{"headline": "x", **given}))  # type: ignore[arg-type]
    return new_post(draft, "01", "<p></p>", NOW)


@pytest.mark.parametrize("given", [{}, {"body": " \n"}, {"headline": " "}])
def test_an_empty_post_is_refused(given: dict[str, str]) -> None:
    """A headline, a body or media: something must be there to read."""
    with pytest.raises(Invalid, match="needs a headline, a body or media"):
        check_draft(PostInput(**given))  # type: ignore[arg-type]


def test_each_of_the_three_is_enough() -> None:
    """Also a picture alone."""
    check_draft(PostInput(headline="x"))
    check_draft(PostInput(body="x"))
    check_draft(PostInput(media=(Media("image", url="/a.svg"),)))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"media": (Media("image"),)}, "media[0].url"),
        ({"media": (Media("quote", text="x"), Media("link"))}, "media[1].url"),
        ({"media": (Media("quote"),)}, "media[0].text"),
        ({"tags": ("a", " ")}, "tags[1]"),
        ({"published_at": "2026-11-22T09:30:00"}, "published_at"),
        ({"published_at": "yesterday"}, "published_at"),
        ({"published_at": "2026-02-30T09:30:00Z"}, "published_at"),
        ({"published_at": "1969-12-31T23:59:59Z"}, "published_at"),
        ({"published_at": "9999-12-31T23:59:59-01:00"}, "published_at"),
        ({"published_at": "0001-01-01T00:00:00+01:00"}, "published_at"),
    ],
)
def test_a_wrong_value_is_named(given: dict[str, object], field: str) -> None:
    """The error leads to the field."""
    with pytest.raises(Invalid) as error:
        made(**given)
    assert error.value.field == field


def test_times_are_kept_in_one_form() -> None:
    """What was given with an offset is the same instant in UTC."""
    post = made(published_at="2026-11-22T12:30:00.5+03:00")
    assert post.published_at == "2026-11-22T09:30:00.500Z"
    assert order(post) == 1795339800500
    assert made().published_at == made().updated_at


def test_tags_are_kept_once_in_order() -> None:
    """A tag twice is a tag."""
    assert made(tags=("b", "a", "b")).tags == ("b", "a")


def test_a_correction_is_dated_when_its_note_is_new() -> None:
    """An edit of something else keeps its date; another note has another."""
    post = made(correction=CorrectionNote("Not 3 m, 4 m"))
    assert post.correction is not None and post.correction.at == post.updated_at
    draft = msgspec.structs.replace(editable_post(post), headline="y")
    assert edited(post, draft, "", LATER).correction == post.correction
    draft = msgspec.structs.replace(draft, correction=CorrectionNote("5 m"))
    after = edited(post, draft, "", LATER)
    assert after.correction is not None and after.correction.at == after.updated_at
    draft = msgspec.structs.replace(draft, correction=None)
    assert edited(post, draft, "", LATER).correction is None


def test_an_edit_counts_and_is_dated() -> None:
    """rev and updated_at move, published_at stays."""
    post = made()
    draft = msgspec.structs.replace(editable_post(post), headline="y")
    after = edited(post, draft, "<p>y</p>", LATER)
    assert (after.rev, after.published_at, after.html) == (
        2,
        post.published_at,
        "<p>y</p>",
    )
    assert after.updated_at > post.updated_at


@pytest.mark.parametrize("at", [None, "2026-01-01T00:00:00Z"])
@pytest.mark.parametrize(
    "change",
    [
        {"pinned": True},
        {"key": True, "breaking": True},
        {"tags": ("t",)},
        {"published_at": "2026-02-01T00:00:00.000Z"},
    ],
)
def test_what_is_no_text_is_no_update(change: dict[str, object], at: str) -> None:
    """A post whose text never changed was updated when it was published."""
    post = made(published_at=at)
    assert post.updated_at == post.published_at
    draft = msgspec.structs.replace(editable_post(post), **change)
    after = edited(post, draft, post.html, LATER)
    assert after.updated_at == after.published_at
    text = msgspec.structs.replace(editable_post(after), body="new")
    updated = edited(after, text, "<p>new</p>", LATER)
    assert updated.updated_at == instant(LATER) > updated.published_at
    again = msgspec.structs.replace(editable_post(updated), **change, language="de")
    assert edited(updated, again, "", LATER + 5).updated_at == instant(LATER)


@pytest.mark.parametrize("change", [{"external_id": "b"}, {"published_at": None}])
def test_some_things_do_not_change(change: dict[str, object]) -> None:
    """external_id belongs to the post; a published post keeps a time."""
    post = made(external_id="a")
    draft = msgspec.structs.replace(editable_post(post), **change)
    with pytest.raises(Invalid) as error:
        edited(post, draft, "", LATER)
    assert error.value.field in change


def test_unpinning_is_no_news() -> None:
    """rev moves, for whoever holds the post; updated_at does not."""
    post = made(pinned=True)
    after = unpinned(post)
    assert (after.pinned, after.rev, after.updated_at) == (False, 2, post.updated_at)


drafts = st.builds(
    PostInput,
    external_id=st.none() | st.text(min_size=1, max_size=5),
    headline=st.text(min_size=1, max_size=9).filter(str.strip),
    body=st.text(max_size=9),
    key=st.booleans(),
    pinned=st.booleans(),
    tags=st.lists(st.sampled_from(["a", "b"]), max_size=3).map(tuple),
    correction=st.none() | st.builds(CorrectionNote, st.text(min_size=1, max_size=9)),
    published_at=st.none() | st.just("2026-11-22T12:30:00+03:00"),
)


@given(drafts)
def test_what_is_kept_can_be_edited_without_a_change(draft: PostInput) -> None:
    """The editable form, sent back, is the same post: a PATCH of {} changes nothing."""
    post = new_post(check_draft(draft), "01", "", NOW)
    held = editable_post(post)
    again = msgspec.convert(msgspec.to_builtins(held), PostInput)
    assert check_draft(again) == held


def test_a_feed_is_kept_with_its_times_in_one_form() -> None:
    """slug first, for whoever puts the url after it."""
    given = NewFeed(
        slug="quay",
        title="Quay",
        coverage_start="2026-11-22T12:00:00+03:00",
        timezone="Europe/Istanbul",
    )
    feed = new_feed(check_feed(given), given.slug, NOW)
    assert msgspec.json.encode(feed).startswith(b'{"slug":"quay",')
    assert feed.coverage_start == "2026-11-22T09:00:00.000Z"
    assert feed.created_at == feed.updated_at and feed.rev == 1
    after = edited_feed(feed, editable_feed(feed), LATER)
    assert (after.rev, after.created_at) == (2, feed.created_at)
    assert after.updated_at > feed.updated_at


def test_a_closing_is_dated_until_the_feed_is_open_again() -> None:
    """Later changes of a closed feed don't move it; a second closing has its own."""

    def change(feed: Feed, status: Status, now: int) -> Feed:
        draft = msgspec.structs.replace(editable_feed(feed), status=status)
        return edited_feed(feed, draft, now)

    feed = new_feed(check_feed(NewFeed(slug="quay", title="Quay")), "quay", NOW)
    assert feed.closed_at is None
    closed = change(feed, "closed", LATER)
    assert closed.closed_at == closed.updated_at
    later = change(closed, "closed", LATER + 1)
    assert (later.closed_at, later.rev) == (closed.closed_at, 3)
    again = change(later, "live", LATER + 2)
    assert again.closed_at is None
    assert change(again, "closed", LATER + 3).closed_at == instant(LATER + 3)
    made = NewFeed(slug="quay", title="Quay", status="closed")
    assert new_feed(check_feed(made), "quay", NOW).closed_at == instant(NOW)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": "  "}, "title"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "posix/UTC"}, "timezone"),
        ({"timezone": "America"}, "timezone"),
        ({"coverage_start": "soon"}, "coverage_start"),
        (
            {
                "coverage_start": "2026-11-22T12:00:00Z",
                "coverage_end": "2026-11-22T12:00:00+01:00",
            },
            "coverage_end",
        ),
    ],
)
def test_a_wrong_feed_is_named(given: dict[str, str], field: str) -> None:
    """The error leads to the field."""
    with pytest.raises(Invalid) as error:
        check_feed(FeedInput(**{"title": "x", **given}))  # type: ignore[arg-type]
    assert error.value.field == field


def test_time_zones_are_there() -> None:
    """Those of the IANA list, from the system or from the tzdata package."""
    assert {"UTC", "Europe/Istanbul", "Asia/Amman"} <= time_zones()
