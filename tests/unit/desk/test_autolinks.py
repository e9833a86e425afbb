"""Bare addresses in Markdown become links."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from stoppress.desk.autolinks import MAX_ADDRESS, bare_link

LINK = re.compile(r'<a href="([^"]*)">([^<]*)</a>')


@pytest.fixture(scope="module")
def markdown() -> MarkdownIt:
    """Markdown with this rule, and none of the library's own."""
    made = MarkdownIt("commonmark")
    made.inline.ruler.push("bare_link", bare_link)
    return made


def links(markdown: MarkdownIt, text: str) -> list[tuple[str, str]]:
    """Where the links of a text lead, and what they are called."""
    return LINK.findall(markdown.renderInline(text))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://x.example/a?b=c#d.", "https://x.example/a?b=c#d"),
        ("HTTP://X.example", "HTTP://X.example"),
        ("(https://x.example/a)", "https://x.example/a"),
        ("https://x.example/a_(b)!", "https://x.example/a_(b)"),
        ("“https://x.example”", "https://x.example"),
        ("<b>https://x.example</b>", "https://x.example"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("المصدر: https://x.example/a، وقال", "https://x.example/a"),
        ("https://x.example/a؟", "https://x.example/a"),
        ("„https://x.example/a“", "https://x.example/a"),
        ("«https://x.example/a».", "https://x.example/a"),
        ("（https://x.example/a）を参照", "https://x.example/a"),
        ("https://x.example/a。次", "https://x.example/a"),
        ("https://x.example/a। अगला", "https://x.example/a"),
        ("https://x.example/a—so", "https://x.example/a"),
        ("https://x.example/a\u200c، بعد", "https://x.example/a"),
        ("https://x.example/a\u200d, so", "https://x.example/a"),
        ("\u2067https://x.example/a\u2069", "https://x.example/a"),
    ],
)
def test_an_address_ends_before_what_stands_around_it(
    markdown: MarkdownIt, text: str, address: str
) -> None:
    """A closing bracket belongs to it only if it opens there too."""
    ((href, name),) = links(markdown, text)
    assert href.lower() == name.lower() == address.lower()


def test_letters_of_other_scripts_belong_to_an_address(markdown: MarkdownIt) -> None:
    """And the marks that names in them are written with."""
    for path in ("2020–21", "東京・大阪", "col·lecció", "می\u200cشود", "خبر"):
        ((_, name),) = links(markdown, f"https://x.example/{path}")
        assert name == f"https://x.example/{path}"


def test_a_mail_address_is_called_by_its_name(markdown: MarkdownIt) -> None:
    """Without the scheme, which nobody reads."""
    assert links(markdown, "write to mailto:desk@x.example, please") == [
        ("mailto:desk@x.example", "desk@x.example")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "the end.New a@b.example",
        "ahttp://x.example",
        "http://",
        "https:// x",
        "https://.,;",
        "mailto:nobody",
        "mailto:.@x",
        "javascript:alert(1)",
        "10:30",
        "http:x.example",
    ],
)
def test_text_without_a_scheme_is_no_link(markdown: MarkdownIt, text: str) -> None:
    """Running text keeps its words."""
    assert links(markdown, text) == []


def test_an_address_in_a_link_is_part_of_it(markdown: MarkdownIt) -> None:
    """No link is in another."""
    assert links(markdown, "[https://a.example](https://b.example)") == [
        ("https://b.example", "https://a.example")
    ]


def test_a_very_long_address_is_cut(markdown: MarkdownIt) -> None:
    """Its rest is text, so that the time is that of the text's length."""
    ((href, _),) = links(markdown, "https://x.example/" + "a" * 2 * MAX_ADDRESS)
    assert len(href) == len("https://") + MAX_ADDRESS
