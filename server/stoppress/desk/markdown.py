"""Renders an editor's Markdown to safe HTML, before it is stored.

CommonMark with tables, strikethrough and bare links. Rules:
- Raw HTML is escaped: readers see it as the editor typed it.
- Links lead to http, https, mailto, tel, or a path of the feed's own site; an
  address of another kind leaves the text as typed.
- Headings begin at h3, below the page's title and the post's headline, and go down
  one level at a time: what matters is the outline, not the number.
- No attribute affects the page around it: no id, class, style or event handler.
- Text is unchanged, bidirectional controls included; the first letters of a
  paragraph decide its direction (the page sets `dir="auto"`).
- The output passes a separate allow-list, so that a fault of the Markdown renderer
  stays harmless.
- Rendering time is bounded: at most MAX_MARKS characters of markup (a fifth of a
  second of one core at worst, in a thread), and at most 256 Ki characters of output.
"""

from __future__ import annotations

import re
import threading

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

from stoppress.desk.autolinks import bare_link

MAX_HTML_LENGTH = 256 << 10
"""Limit of the HTML of one post, in characters; 64 KiB of news give some 66 Ki."""

MAX_MARKS = 4096
"""Limit of markup characters in one post, line breaks included. 64 KiB of technical
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
    """Render Markdown `text` to safe HTML. Raises TooMuchMarkup."""
    # Counting is needed only for long texts, which are few.
    if len(text) > MAX_MARKS and (marks := len(_MARK.findall(text))) > MAX_MARKS:
        raise TooMuchMarkup(
            f"has {marks} characters of markup (such as * [ ] > |, or line breaks), "
            f"more than {MAX_MARKS}: use less, or split it into two posts"
        )
    html: str = _thread_parser.markdown.render(text)
    # Before cleaning, to bound its time too; and after, as it adds attributes.
    _check_length(html)
    html = _cleaner.clean(html).strip()
    _check_length(html)
    return html


def _check_length(html: str) -> None:
    if len(html) > MAX_HTML_LENGTH:
        raise TooMuchMarkup(
            f"its HTML would be {len(html)} characters long, "
            f"more than {MAX_HTML_LENGTH}: use less markup"
        )


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return _SAFE_ADDRESS.match(url) is not None


def _outline(state: StateCore) -> None:
    """Set each heading's level to its depth in the outline."""
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


_thread_parser = _ThreadParser()
