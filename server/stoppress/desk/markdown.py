"""Markdown to safe HTML, on the way in.

CommonMark with tables, strikethrough and bare links. Rules:
- Raw HTML is text: what an editor types is what readers see.
- Links lead to http, https, mailto, tel, or a path of the feed's own site; an
  address of another kind leaves the text as it was typed.
- Headings begin at h3, as the page's title and the post's headline stand above,
  and go down one level at a time: what matters is the outline, not the number.
- No attribute can touch the page around it: no id, class, style or handler.
- Text is passed on as it is, bidirectional controls included; where a paragraph
  begins decides its direction (`dir="auto"` is the page's to set).
- What comes out passes an allow-list of its own, so that a fault of the first
  part stays harmless.
- A text takes bounded time: at most MAX_MARKS characters of markup (a fifth of a
  second of one core at worst, and that in a thread), and at most
  256 Ki characters come out.
"""

from __future__ import annotations

import re
import threading

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

from stoppress.desk.autolinks import bare_link

MAX_HTML_LENGTH = 256 << 10
"""The longest HTML of one post, in characters; 64 KiB of news give some 66 Ki."""

MAX_MARKS = 4096
"""Characters of markup in one post, line breaks among them. 64 KiB of technical
documentation, denser than any news, have 3,800; news have a few hundred."""

_SAFE_ADDRESS = re.compile(r"(https?://|mailto:|tel:|/(?![/\\]))", re.IGNORECASE)

_MARK = re.compile(r"[\\`*_\[\]<>&~!|#:\n]")

_cleaner = nh3.Cleaner(
    tags={
        *("p", "br", "hr", "h3", "h4", "h5", "h6", "blockquote", "pre", "code"),
        *("ul", "ol", "li", "em", "strong", "s", "a", "img"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    },
    clean_content_tags={"script", "style"},
    attributes={
        "a": {"href", "title"},
        "img": {"src", "alt", "title"},
        "ol": {"start"},
    },
    set_tag_attribute_values={"img": {"loading": "lazy"}},
    url_schemes={"http", "https", "mailto", "tel"},
    link_rel="noopener nofollow ugc",
)


class TooMuchMarkup(ValueError):
    """The text has more markup, or would be longer as HTML, than a post may."""


def to_html(text: str) -> str:
    """The safe HTML of Markdown `text`. Raises TooMuchMarkup."""
    # Few texts are long enough to have too many.
    if len(text) > MAX_MARKS and (marks := len(_MARK.findall(text))) > MAX_MARKS:
        raise TooMuchMarkup(
            f"has {marks} characters of markup (such as * [ ] > |, or line breaks), "
            f"more than {MAX_MARKS}; use less, or make two posts of it"
        )
    html: str = _own.markdown.render(text)
    # Before cleaning, so that it is bounded too; and after, as it adds attributes.
    _check_length(html)
    html = _cleaner.clean(html).strip()
    _check_length(html)
    return html


def _check_length(html: str) -> None:
    if len(html) > MAX_HTML_LENGTH:
        raise TooMuchMarkup(
            f"its HTML would be {len(html)} characters long, "
            f"more than {MAX_HTML_LENGTH}; use less markup"
        )


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return _SAFE_ADDRESS.match(url) is not None


def _outline(state: StateCore) -> None:
    """Give each heading the level of its place in the outline."""
    above: list[str] = []
    for token in state.tokens:
        if token.type == "heading_open":
            while above and above[-1] >= token.tag:
                above.pop()
            above.append(token.tag)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(2 + len(above), 6)}"


def _make() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False, "maxNesting": 20})
    markdown.enable(["table", "strikethrough"])
    markdown.inline.ruler.push("bare_link", bare_link)
    markdown.core.ruler.push("outline", _outline)
    return markdown


class _ThreadParser(threading.local):
    """The parser of one thread."""

    def __init__(self) -> None:
        self.markdown = _make()


_own = _ThreadParser()
