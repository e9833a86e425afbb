"""Which addresses are our pages, and the frames that show them."""

from __future__ import annotations

import json

import pytest

from stoppress.domain.errors import NotFound
from stoppress.web.pages.oembed import HEIGHT, WIDTH, oembed, page_address, size

BASE = "https://news.example/liveblog"
FEED = {"slug": "x", "title": 'The "quay"'}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/live/x", ("x", "")),
        ("/live/x/", ("x", "")),
        ("/live/x?tag=a#b", ("x", "")),
        ("/embed/x", ("x", "")),
        ("/live/x/01m8hxfhk93pnh", ("x", "01m8hxfhk93pnh")),
        ("/embed/x/01m8hxfhk93pnh", ("x", "01m8hxfhk93pnh")),
    ],
)
def test_our_addresses(path: str, named: tuple[str, str]) -> None:
    """By https and http, with the port or without."""
    for site in (
        BASE,
        BASE.replace("https", "http"),
        BASE.replace("example", "example:443"),
        BASE.replace("news", "NEWS"),
    ):
        assert page_address(site + path, BASE) == named


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/live/x",
        "//news.example/liveblog/live/x",
        "https://other.example/liveblog/live/x",
        "https://news.example.other/liveblog/live/x",
        "https://news.example@other.example/liveblog/live/x",
        "https://news.example:444/liveblog/live/x",
        "https://news.example:bad/liveblog/live/x",
        "https://[news/liveblog/live/x",
        "ftp://news.example/liveblog/live/x",
        "https://news.example/live/x",
        "https://news.example/liveblog2/live/x",
        f"{BASE}/",
        f"{BASE}/live",
        f"{BASE}/live/x/y/z",
        f"{BASE}/desk/x",
    ],
)
def test_foreign_addresses(url: str) -> None:
    """Other hosts, other paths, what is no page of a feed."""
    with pytest.raises(NotFound):
        page_address(url, BASE)


def test_a_site_without_an_address_is_where_it_was_asked() -> None:
    """Beside the address that it listens on."""
    for url in ("http://127.0.0.1:8000/live/x", "http://quay.local:8000/live/x"):
        found = page_address(url, "http://127.0.0.1:8000", "quay.local:8000")
        assert found.feed == "x"
    with pytest.raises(NotFound):
        page_address("http://other/live/x", "http://127.0.0.1:8000", "quay.local")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        *(("", 640), ("0", 640), ("-5", 640), ("x", 640), ("1e3", 640), ("٣", 640)),
        *(("400", 400), ("90", 90), ("1", 1), ("2001", 2000), ("9" * 30, 2000)),
    ],
)
def test_sizes(asked: str, given: int) -> None:
    """Never more than is asked for."""
    assert size(asked, 640) == given


def test_a_frame() -> None:
    """Of a feed, or of a post; its title is text."""
    value = json.loads(oembed(FEED, None, BASE, "P", {}, width=90))
    assert (value["type"], value["version"]) == ("rich", "1.0")
    assert (value["width"], value["height"]) == (90, HEIGHT) and WIDTH > 90
    assert value["title"] == FEED["title"]
    assert f'src="{BASE}/embed/x" title="The &quot;quay&quot;"' in value["html"]
    post = {"id": "p", "headline": "Water"}
    value = json.loads(oembed(FEED, post, BASE, "P", {}))
    assert f'src="{BASE}/embed/x/p"' in value["html"]
    assert value["title"] == 'Water · The "quay"'
