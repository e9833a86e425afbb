"""What a template may use: addresses, texts and data that can't break out."""

from __future__ import annotations

import json

import pytest

from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.render_html import (
    Templates,
    data_block,
    host_of,
    lines,
    rooted,
    safe_url,
    site_url,
    unbulleted,
)
from tests.unit.web.web_harness import feed, post


@pytest.mark.parametrize("url", ["https://a.example/?a=1&b", "HTTP://a", "/live/x"])
def test_addresses_that_may_be_linked_to(url: str) -> None:
    """http(s), or from the root."""
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [None, "", "/", "//a", "/\\a", "javascript:1", " https://a", "a/b", "ftp://a"],
)
def test_addresses_that_may_not(url: str | None) -> None:
    """Everything else."""
    assert safe_url(url) is None


def test_data_cant_end_its_element() -> None:
    """The same JSON, without a character that a parser of HTML looks for."""
    value = {"a": "</script><!-- & \u2028"}
    block = data_block(value)
    assert json.loads(block) == value
    assert not set("<>&\u2028") & set(block)


def test_texts() -> None:
    """Lines without the empty ones, bullets taken off, hosts as they are written."""
    assert lines(" a \n\n b\n") == ["a", "b"] and lines(None) == []
    assert [unbulleted(line) for line in ("- a", "* b", "-c")] == ["a", "b", "-c"]
    assert host_of("https://a.example:81/b") == "a.example:81"
    assert host_of("/b") == "/b"


def test_a_post_alone() -> None:
    """As the desk's preview shows it: the article that readers get."""
    html = Templates(browser_folder()).post(feed(), post(1, key=True))
    assert html.startswith("<article") and html.endswith("</article>")
    assert "Key moment" in html and "Headline 1" in html


@pytest.mark.parametrize(
    ("html", "drawn"),
    [
        ('<a href="/x">', '<a href="/at/x">'),
        ('<p><a class="b" href="/">y</a></p>', '<p><a class="b" href="/at/">y</a></p>'),
        ('<img alt="a &gt; b" src="/m.png">', '<img alt="a &gt; b" src="/at/m.png">'),
        ('<img alt="a > b" src="/m.png">', '<img alt="a > b" src="/at/m.png">'),
        ('<a href="//x.example">', '<a href="//x.example">'),
        ('<a href="https://x.example/">', '<a href="https://x.example/">'),
        ('<code> href="/x"</code>', '<code> href="/x"</code>'),
        ('<a title=" href=" href="#x">', '<a title=" href=" href="#x">'),
    ],
)
def test_addresses_from_the_root_are_under_the_sites_path(
    html: str, drawn: str
) -> None:
    """Those of links and pictures; text that looks like one stays."""
    assert rooted(html, "/at") == drawn
    assert rooted(html) == html


def test_a_safe_address_under_the_sites_path() -> None:
    """Only if it begins at the root."""
    assert site_url("/x", "/at") == "/at/x"
    assert site_url("https://x.example/", "/at") == "https://x.example/"
    assert site_url("//x.example", "/at") is None
    assert site_url("javascript:x", "/at") is None
