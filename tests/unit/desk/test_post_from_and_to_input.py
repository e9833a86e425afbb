"""What is kept of what an editor sent, and what of it may be edited."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoppress.desk.markdown import to_html
from stoppress.desk.post_from_and_to_input import (
    check_draft,
    check_new_external_id,
    check_shown,
    editable_post,
    edited,
    new_post,
    order,
    unpinned,
)
from stoppress.domain.errors import Invalid
from stoppress.domain.invisible_text import is_blank
from stoppress.domain.post import Author, CorrectionNote, Media, Post, PostInput
from stoppress.domain.timestamps import instant

NOW = 1_795_340_000_000
LATER = NOW + 60_000


def made(**given: object) -> Post:
    """A post as kept."""
    draft = check_draft(PostInput(**{"headline": "x", **given}))  # type: ignore[arg-type]
    return new_post(draft, "01", "<p></p>", NOW)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"body": " \n"},
        {"headline": " "},
        {"headline": "\u200b\u00ad", "body": "\ufeff\u2060\u00a0"},
    ],
)
def test_an_empty_post_is_refused(given: dict[str, str]) -> None:
    """A headline, a body or media: something must be there to read."""
    with pytest.raises(Invalid, match="needs a headline, a body or media"):
        check_draft(PostInput(**given))  # type: ignore[arg-type]


def test_an_external_id_that_no_address_can_contain_is_refused() -> None:
    """Clients and proxies resolve it; a longer one with dots is as any other."""
    for name in (".", ".."):
        with pytest.raises(Invalid, match="external_id: .* can't be in an address"):
            check_new_external_id(PostInput(external_id=name))
    for other in (None, "...", "a/..", ".a"):
        check_new_external_id(PostInput(external_id=other))


@pytest.mark.parametrize("body", ["# ", "---", "&nbsp;", "[](https://e.test/)"])
def test_a_post_that_shows_nothing_is_refused(body: str) -> None:
    """Its card would be empty; beside a headline or a picture it may be there."""
    html = to_html(body)
    with pytest.raises(Invalid, match="body: shows nothing: write"):
        check_shown(check_draft(PostInput(body=body)), html)
    check_shown(check_draft(PostInput(headline="x", body=body)), html)
    picture = Media(type="image", url="https://e.test/a.png")
    check_shown(check_draft(PostInput(media=(picture,), body=body)), html)


def test_invisible_texts_of_a_post_are_none() -> None:
    """So that its title is another text that has words."""
    picture = Media(type="image", url="https://e.test/a.png", caption="\u200b")
    draft = check_draft(PostInput(body="\u200d\ufe0f", media=(picture,)))
    assert (draft.body, draft.media[0].caption) == ("", None)


def test_a_headline_that_nobody_sees_is_none() -> None:
    """A page would have an empty heading; joiners within words stay."""
    draft = check_draft(PostInput(headline="\u200b \u2060", body="b"))
    assert draft.headline is None
    seen = "می\u200cشود\u200b"
    assert check_draft(PostInput(headline=seen)).headline == seen


def test_a_headline_a_body_or_media_is_enough() -> None:
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
    assert made().updated_at is None


def test_tags_are_kept_once_in_order() -> None:
    """A tag twice is a tag."""
    assert made(tags=("b", "a", "b")).tags == ("b", "a")


def test_a_correction_is_dated_when_its_note_is_new() -> None:
    """An edit of something else keeps its date; another note has another."""
    post = made(correction=CorrectionNote("Not 3 m, 4 m"))
    assert post.correction is not None and post.correction.at == post.published_at
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
    assert post.updated_at is None and after.updated_at == instant(LATER)


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
def test_a_change_of_no_content_keeps_updated_at(
    change: dict[str, object], at: str
) -> None:
    """A post whose text never changed was updated when it was published."""
    post = made(published_at=at)
    assert post.updated_at is None
    draft = msgspec.structs.replace(editable_post(post), **change)
    after = edited(post, draft, post.html, LATER)
    assert after.updated_at is None
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
    """rev moves, as clients compare it; updated_at does not."""
    post = made(pinned=True)
    after = unpinned(post)
    assert (after.pinned, after.rev, after.updated_at) == (False, 2, post.updated_at)


# What is invisible is no text.
visible = st.text(min_size=1, max_size=9).filter(lambda text: not is_blank(text))
drafts = st.builds(
    PostInput,
    external_id=st.none() | st.text(min_size=1, max_size=5),
    headline=visible,
    body=st.text(max_size=9),
    key=st.booleans(),
    pinned=st.booleans(),
    tags=st.lists(st.sampled_from(["a", "b"]), max_size=3).map(tuple),
    correction=st.none() | st.builds(CorrectionNote, visible),
    published_at=st.none() | st.just("2026-11-22T12:30:00+03:00"),
)


def test_a_text_of_controls_that_close_nothing_is_none() -> None:
    """It would be empty, which is null; a name that has to be there is told."""
    draft = check_draft(PostInput(headline="\u2069", external_id="\u202c", body="b"))
    assert (draft.headline, draft.external_id) == (None, None)
    with pytest.raises(Invalid):
        check_draft(PostInput(body="b", authors=(Author("\u2069"),)))
    with pytest.raises(Invalid, match="name: shows nothing: write a text"):
        check_draft(PostInput(body="b", authors=(Author("\u200b"),)))


@given(drafts)
def test_the_editable_form_sent_back_changes_nothing(draft: PostInput) -> None:
    """The editable form, sent back, is the same post: a PATCH of {} changes nothing."""
    post = new_post(check_draft(draft), "01", "", NOW)
    held = editable_post(post)
    again = msgspec.convert(msgspec.to_builtins(held), PostInput)
    assert check_draft(again) == held
