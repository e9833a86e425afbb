"""Renders feeds and posts as HTML, for pages, frames and the desk's preview.

Rules: everything is escaped except a post's `html`, which was sanitised when it was
stored; addresses are http(s) or begin at the site's root, which may be a path; there is
no inline style or script (JSON in a data block has its `<` escaped). The other content
of a page is passed in as values (`reader_template_values.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stoppress.domain.picture_address import smallest, srcset
from stoppress.web.pages import localization as speech
from stoppress.web.pages.post_title_and_plain_text import headline_of
from stoppress.web.pages.share_targets import targets

Json = Mapping[str, Any]

_TAG = re.compile(r'<[a-z][^<>"]*(?:"[^"]*"[^<>"]*)+>')
_ROOTED = re.compile(r'( (?:href|src|cite)=")/(?![/\\])')


class _Absent(StrictUndefined):
    """An absent member: false in a condition, an error anywhere else."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


class Templates:
    """The templates, with the words of every language."""

    def __init__(self, files: Path, share: Sequence[str] = (), root: str = "") -> None:
        self.tables: dict[str, speech.Words] = {
            language: {
                **words,
                "targets": targets(words["mail"]),
                "shared": list(share),
            }
            for language, words in speech.read_tables(files).items()
        }
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=_Absent,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.site_url = partial(site_url, root=root)
        self._templates.globals.update(
            root=root,
            site_url=self.site_url,
            srcset=srcset,
            smallest=smallest,
            rooted=partial(rooted, root=root),
            headline_of=headline_of,
            host_of=host_of,
            lines=lines,
            unbulleted=unbulleted,
            others_than=others_than,
            around=around,
            component=component,
            newest=newest,
            local=speech.local,
            day_text=speech.day_text,
            full_text=speech.full_text,
            direction_of=speech.direction_of,
        )

    def page(self, name: str, **values: object) -> bytes:
        """A whole page."""
        return self._templates.get_template(name).render(values).encode()

    def context(self, feed: Json, level: int = 1) -> dict[str, Any]:
        """The template context of one feed."""
        words = self.words(feed["language"])
        if feed.get("share"):
            words = {**words, "shared": feed["share"]}
        return {"feed": feed, "words": words, "level": level}

    def widget_words(self, language: str, style: str) -> bytes:
        """A language's words for the widget, with its skeleton HTML and its style."""
        table = self.tables[language]
        blank = {"language": language, "links": (), "standfirst": "", "summary": ""}
        ctx = {
            "feed": {**blank, "direction": "ltr", "status": "live", "title": ""},
            "words": table,
            "level": 2,
        }
        parts = self._templates.get_template("feed_macros.html").module
        frame = str(parts.frame(ctx, (), None, (), None))  # type: ignore[attr-defined]
        return msgspec.json.encode({**table, "frame": frame, "style": style})

    def words(self, language: str) -> speech.Words:
        """The words of a language, or of English."""
        return speech.words_for(self.tables, language)

    def post(self, feed: Json, post: Json) -> str:
        """One post of a feed in the readers' form. Both are public JSON."""
        return self.part("post", feed, post)

    def part(self, name: str, feed: Json, *values: object) -> str:
        """One part of a feed's page: a macro of `feed_macros.html`, by its name."""
        parts = self._templates.get_template("feed_macros.html").module
        return str(getattr(parts, name)(self.context(feed), *values))


def data_block(value: object) -> Markup:
    """JSON for a `<script>` that holds data: it can't end its element."""
    text = msgspec.json.encode(value).decode()
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # noqa: S704 (escaped before)


def safe_url(url: str | None) -> str | None:
    """An address that may be linked to or loaded, or None."""
    if not url:
        return None
    if url.lower().startswith(("http://", "https://")):
        return url
    return url if url[0] == "/" and url[1:2] not in ("", "/", "\\") else None


def site_url(url: str | None, root: str = "") -> str | None:
    """A safe address; if it begins at the root, with the site's path in front."""
    safe = safe_url(url)
    return root + safe if safe and safe[0] == "/" else safe


def rooted(html: str, root: str = "") -> Markup:
    """Safe HTML, with the site's path in front of addresses that begin at the root."""
    if root:
        html = _TAG.sub(lambda tag: _ROOTED.sub(rf"\1{root}/", tag[0]), html)
    return Markup(html)  # noqa: S704 (escaped before)


def host_of(url: str) -> str:
    """The host of an address, or else the address itself."""
    match = re.match(r"https?://([^/?#]+)", url, re.IGNORECASE)
    return match[1] if match else url


def lines(text: str | None) -> list[str]:
    """The lines of a text, without the empty ones."""
    return [line.strip() for line in (text or "").split("\n") if line.strip()]


def unbulleted(line: str) -> str:
    """A line without the mark of a list."""
    return line[2:] if line.startswith(("- ", "* ")) else line


def others_than(feed: Json) -> list[Json]:
    """The related links of a feed, except those to its own page."""
    own = (feed.get("url"), f"/live/{feed.get('slug')}")
    return [link for link in feed.get("links", ()) if link["url"] not in own]


def component(text: str) -> str:
    """Percent-encodes a text as `encodeURIComponent` does."""
    return quote(text, safe="!'()*")


def around(phrase: str, element: Markup) -> Markup:
    """A phrase with an element in place of `{time}`."""
    before, _, after = phrase.partition("{time}")
    return Markup("{}{}{}").format(before, element, after)


def newest(posts: Sequence[Json]) -> str:
    """When the newest of some posts was published."""
    return str(max(post["published_at"] for post in posts))
