"""A post as HTML for feed readers: everything that its page shows, except headline and
time.

Pure. In the page's order: marks, text, media, correction, source, place. Every address
is absolute; everything but the post's own safe HTML is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

from stoppress.domain.picture_address import srcset
from stoppress.web.pages.linked_data import absolute
from stoppress.web.pages.render_html import host_of, rooted

Json = Mapping[str, Any]


def content_html(post: Json, base: str, words: Json) -> str:
    """The content of a post."""
    return "".join(_parts(post, base, words))


def marks_of(post: Json) -> list[str]:
    """The post's marks, by their names in the tables of words."""
    marks = [name for name in ("breaking", "key") if post.get(name)]
    if sureness := post.get("verification"):
        marks.append(sureness)
    return marks


def _parts(post: Json, base: str, words: Json) -> Iterator[str]:
    if marks := [words[mark] for mark in marks_of(post)]:
        yield Markup("<p><strong>{}</strong></p>").format(" · ".join(marks))
    yield rooted(post.get("html", ""), base)
    for item in post.get("media", ()):
        yield _medium(item, base)
    if correction := post.get("correction"):
        yield Markup("<p><strong>{}:</strong> {}</p>").format(
            words["correction"], correction["note"]
        )
    if source := post.get("source"):
        name = _link(absolute(source.get("url"), base), source["name"])
        yield Markup("<p>{}: {}</p>").format(words["source"], name)
    if place := post.get("location"):
        yield Markup("<p>{}: {}</p>").format(words["location"], place)


def _medium(item: Json, base: str) -> Markup:
    url = absolute(item.get("url"), base)
    if item["type"] == "image":
        shown = _picture(item, url) if url else Markup("")
    elif item["type"] == "quote":
        cite = Markup(' cite="{}"').format(url) if url else ""
        shown = Markup("<blockquote{}><p>{}</p></blockquote>").format(
            cite, item.get("text") or ""
        )
    elif url:
        title = item.get("title") or item.get("provider") or host_of(url)
        text = Markup("<br>{}").format(item["text"]) if item.get("text") else ""
        shown = Markup("<p>{}{}</p>").format(_link(url, title), text)
    else:
        shown = Markup("")
    if not shown:
        return shown
    note = " · ".join(item[name] for name in ("caption", "credit") if item.get(name))
    caption = Markup("<figcaption>{}</figcaption>").format(note) if note else ""
    return Markup("<figure>{}{}</figure>").format(shown, caption)


def _picture(item: Json, url: str) -> Markup:
    size = "".join(
        f' {name}="{item[name]}"' for name in ("width", "height") if item.get(name)
    )
    variants = srcset(url)
    more = Markup(' srcset="{}"').format(variants) if variants else ""
    return Markup('<img src="{}" alt="{}"{}{}>').format(
        url,
        item.get("alt") or "",
        Markup(size),  # noqa: S704 (whole numbers)
        more,
    )


def _link(url: str | None, text: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url, text) if url else escape(text)
