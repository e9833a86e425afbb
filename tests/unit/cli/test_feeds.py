"""`stoppress feed`."""

from __future__ import annotations

from stoppress.cli.feeds import path_of
from tests.unit.cli.site import Site

FEED = {
    "slug": "x",
    "title": "Rain\ton the bridge",
    "status": "live",
    "visibility": "public",
    "url": "http://h/live/x",
    "rev": 3,
}


def test_a_slug_goes_into_the_path_as_it_is() -> None:
    """It is the server's to refuse."""
    assert path_of("a/b?c") == "/v1/feeds/a%2Fb%3Fc"


def test_a_feed_is_made_of_what_was_given(site: Site) -> None:
    """Of nothing else: the rest is the server's default."""
    site.answers["POST /v1/feeds"] = 201, FEED
    code, said, _ = site.run(
        "feed", "create", "x", "--title", "Rain", "--status", "live"
    )
    assert code == 0 and "x" in said
    assert site.writes() == [
        ("POST", "/v1/feeds", {"slug": "x", "title": "Rain", "status": "live"})
    ]


def test_feeds_are_listed(site: Site) -> None:
    """With a token all that it may read; a tab in a title breaks no column."""
    site.answers["GET /v1/feeds?all=true"] = 200, {"feeds": [FEED]}
    code, said, _ = site.run("feed", "list")
    assert (code, said) == (0, "x\tlive\tpublic\tRain on the bridge\n")
    assert '"slug": "x"' in site.run("feed", "list", "--json")[1]


def test_a_feed_is_shown_as_it_is(site: Site) -> None:
    site.answers["GET /v1/feeds/x"] = 200, {"feed": FEED, "posts": []}
    assert '"posts": []' in site.run("feed", "show", "x")[1]


def test_a_refusal_by_the_server_is_one_line(site: Site) -> None:
    """With what the server says."""
    site.answers["POST /v1/feeds"] = 409, {"title": "Conflict", "detail": "it is taken"}
    code, said, complaint = site.run("feed", "create", "x", "--title", "Rain")
    assert (code, said, complaint) == (1, "", "error: it is taken\n")
    assert site.run("feed", "create", "x", "--title", "R", "--status", "dead")[0] == 2


def test_a_slug_that_would_be_another_address_is_misuse(site: Site) -> None:
    """Nothing is sent."""
    for name in ("", ".", ".."):
        code, _, complaint = site.run("feed", "delete", name, "--yes")
        assert code == 2 and "feed=" in complaint
    assert site.asked == []
