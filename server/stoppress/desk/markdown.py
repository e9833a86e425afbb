"""Renders an editor's Markdown to safe HTML, before it is stored.

CommonMark with tables, strikethrough, bare links (`autolinks`) and the rules of
`markdown_lists_tables_cjk`. Rules:
- Raw HTML is escaped: readers see it as the editor typed it.
- Links lead to http, https, mailto, tel, or a path of the feed's own site; any other
  address (`domain/web_address.py`) leaves the text as typed. Without any address a
  link, or a picture, is its words.
- Headings begin at h3, below the page's title and the post's headline, and descend one
  level at a time: the outline counts, not the number.
- No attribute affects the page around it: no id, style or event handler, and of
  classes only those of aligned table cells.
- Text is unchanged, bidirectional controls included; the first letters of a
  paragraph decide its direction (the page sets `dir="auto"`).
- The output passes a separate allow-list, so that a fault of the Markdown renderer
  stays harmless.
- Plain sentences, as most posts are, have no markup to parse: they become the same HTML
  without a parser (`_PLAIN`), at a twentieth of its cost.
- Rendering time is bounded: at most MAX_MARKS characters of markup (a fifth of a
  second of one core at worst, in a thread), and at most 256 Ki characters of output.
"""

from __future__ import annotations

import re
import threading

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from stoppress.desk.autolinks import bare_link
from stoppress.desk.markdown_lists_tables_cjk import ALIGNMENTS, CjkInline, add_rules
from stoppress.domain.web_address import address_fault

MAX_HTML_LENGTH = 256 << 10
"""Limit of the HTML of one post, in characters; 64 KiB of news give some 66 Ki."""

MAX_MARKS = 4096
"""Limit of markup characters in one post, line breaks included. 64 KiB of technical
documentation, denser than any news, have 3,800; news have a few hundred."""

_MARK = re.compile(r"[\\`*_\[\]<>&~!|#:\n]")

_SENTENCES = r"[^\W\d_][\w ,.;?()%'\"…’‘“”–—-]*"
_PLAIN = re.compile(rf"{_SENTENCES}(?:\n\n{_SENTENCES})*")
"""Paragraphs of one line each that begin with a letter and hold nothing that Markdown
or HTML gives a meaning to; `_` has to be looked for besides."""

ALLOWED: dict[str, set[str]] = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    **{name: set() for name in ("p", "br", "hr", "h3", "h4", "h5", "h6", "blockquote")},
    **{name: set() for name in ("pre", "code", "ul", "li", "em", "strong", "s")},
    **{name: set() for name in ("table", "thead", "tbody", "tr", "th", "td")},
}
"""The elements of a post's HTML with their attributes: docs/content.md lists them."""
ALWAYS: dict[str, dict[str, str]] = {"img": {"loading": "lazy"}}
LINK_REL = "noopener nofollow ugc"

_cleaner = nh3.Cleaner(
    tags=set(ALLOWED),
    clean_content_tags={"script", "style"},
    attributes={name: held for name, held in ALLOWED.items() if held},
    allowed_classes={"th": set(ALIGNMENTS), "td": set(ALIGNMENTS)},
    set_tag_attribute_values=ALWAYS,
    url_schemes={"http", "https", "mailto", "tel"},
    link_rel=LINK_REL,
)


class TooMuchMarkup(ValueError):
    """The text has more markup, or would be longer as HTML, than a post may."""


def to_html(text: str) -> str:
    """Render Markdown `text` to safe HTML. Raises TooMuchMarkup."""
    if len(text) <= MAX_MARKS and "_" not in text and _PLAIN.fullmatch(text):
        paragraphs = [f"<p>{one.rstrip(' ')}</p>" for one in text.split("\n\n")]
        return "\n".join(paragraphs)
    # Counting is needed only for long texts, which are few.
    if len(text) > MAX_MARKS and (marks := len(_MARK.findall(text))) > MAX_MARKS:
        raise TooMuchMarkup(
            f"has {marks} characters of markup (such as * [ ] > |, or line breaks), "
            f"more than {MAX_MARKS}: use less, or split it into two posts"
        )
    return _parsed(text)


def _parsed(text: str) -> str:
    html: str = _thread_parser.markdown.render(text)
    # Checked before cleaning, to bound its time too; and after, as cleaning adds
    # attributes.
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
    def normalizeLink(self, url: str) -> str:
        # Checked before the address is encoded, as encoding would hide its errors.
        return super().normalizeLink(url) if address_fault(url) is None else ""

    def validateLink(self, url: str) -> bool:
        return address_fault(url) is None


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


def _unwrap_without_address(state: StateCore) -> None:
    """Replace links and pictures with an empty address, as in `[a]()`, by their words:
    a browser takes it for the address of the page."""
    for token in state.tokens:
        children = token.children or ()
        if not any(child.type in ("link_open", "image") for child in children):
            continue
        kept: list[Token] = []
        is_link = True  # links do not nest
        for child in children:
            if child.type == "link_open":
                is_link = bool(child.attrGet("href"))
            if child.type == "image" and not child.attrGet("src"):
                kept += child.children or ()
            elif is_link or child.type not in ("link_open", "link_close"):
                kept.append(child)
        token.children = kept


def _make() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False, "maxNesting": 20})
    markdown.inline = CjkInline()
    # A preset names the rules in use: they are set again for the new parser.
    markdown.configure("commonmark", {"html": False, "maxNesting": 20})
    markdown.enable(["table", "strikethrough"])
    markdown.inline.ruler.push("bare_link", bare_link)
    markdown.core.ruler.push("outline", _outline)
    markdown.core.ruler.push("unwrap_without_address", _unwrap_without_address)
    add_rules(markdown)
    return markdown


class _ThreadParser(threading.local):
    """The parser of one thread."""

    def __init__(self) -> None:
        self.markdown = _make()


_thread_parser = _ThreadParser()
