"""`stoppress tail`: an event on a line."""

from __future__ import annotations

import pytest

from stoppress.cli.tail import line
from tests.unit.cli.site import Site

AT = "2026-11-28T10:00:00Z"


def message(kind: str, **more: object) -> dict[str, object]:
    return {"type": kind, "feed": "x", "cursor": "e-7", "at": AT, **more}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            message("post.published", post={"id": "p1", "headline": "It\nrains"}),
            f"e-7  {AT}  post.published  p1  It rains",
        ),
        (
            message("post.updated", post={"id": "p1", "html": "<p>Dry &amp;\nok</p>"}),
            f"e-7  {AT}  post.updated  p1  Dry & ok",
        ),
        (
            message("post.withdrawn", post={"id": "p1"}),
            f"e-7  {AT}  post.withdrawn  p1",
        ),
        (
            message("feed.updated", value={"title": "Rain"}),
            f"e-7  {AT}  feed.updated  Rain",
        ),
    ],
)
def test_an_event_is_one_line(said: dict[str, object], shown: str) -> None:
    """Cursor, time, what, which, and how it begins."""
    assert line(said) == shown


def test_a_long_text_is_cut() -> None:
    shown = line(message("post.published", post={"id": "p1", "headline": "x" * 500}))
    assert len(shown) < 200 and shown.endswith("…")


def test_a_reset_says_where_it_goes_on() -> None:
    assert line(message("reset")).startswith("e-7  reset: ")


def test_an_invalid_cursor_or_unknown_feed_is_an_error_at_once(site: Site) -> None:
    """Rather than tried for ever."""
    code, _, complaint = site.run("tail", "x", "--since", "nonsense")
    assert code == 1 and "is invalid" in complaint and site.asked == []
    site.answers["GET /v1/feeds/x"] = 404, {"detail": "there is no feed 'x'"}
    code, _, complaint = site.run("tail", "x")
    assert (code, complaint) == (1, "error: there is no feed 'x'\n")
