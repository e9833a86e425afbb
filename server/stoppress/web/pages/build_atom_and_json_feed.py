"""A feed as Atom and JSON Feed.

Pure: made from a page's posts, so a withdrawn post leaves all of them with the same
event. A feed has as many documents as its posts need (RFC 5005, paged); each links to
the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

import msgspec

from stoppress.web.pages.linked_data import absolute, changed_at, pictures, updated_at
from stoppress.web.pages.post_title_and_plain_text import (
    description_of,
    feed_description,
    headline_of,
)
from stoppress.web.pages.syndicated_post_html import content_html, marks_of

Json = Mapping[str, Any]

_DCTERMS = "http://purl.org/dc/terms/"
"""The namespace of Dublin Core, for members that Atom lacks."""
_MEDIA = "http://search.yahoo.com/mrss/"
"""The namespace of Media RSS, for pictures."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class SyndicatedPage(NamedTuple):
    """One document of a feed, with the values that it needs."""

    feed: Json
    posts: Sequence[Json]
    words: Json
    base: str
    query: str = ""
    """The query of this document; "": the first one, with the newest posts."""
    next: str | None = None
    """The query of the document with the posts before these; "": none."""

    def address(self, name: str, query: str) -> str:
        """The address of a document."""
        return f"{self.feed['url']}/{name}" + (f"?{query}" if query else "")


# Atom


def atom(page: SyndicatedPage) -> bytes:
    """The posts as Atom (RFC 4287)."""
    feed = page.feed
    url = feed["url"]
    links = {"self": page.query, "first": ""}
    if page.next:
        links["next"] = page.next
    head = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:dcterms="{_DCTERMS}" '
        f'xmlns:media="{_MEDIA}" xml:lang={_attr(feed["language"])}>'
        f"<id>{xml_text(url)}</id><title>{xml_text(feed['title'])}</title>"
        f"<updated>{changed_at(feed, page.posts)}</updated>"
        f'<link rel="alternate" type="text/html" href={_attr(url)}/>'
        + "".join(
            f'<link rel="{relation}" type="application/atom+xml" '
            f"href={_attr(page.address('atom.xml', query))}/>"
            for relation, query in links.items()
        )
        + "<generator>Stop Press</generator>"
    )
    subtitle = feed_description(feed, (), page.words)
    if subtitle != feed["title"]:
        head += f"<subtitle>{xml_text(subtitle)}</subtitle>"
    if icon := absolute((feed.get("image") or {}).get("url"), page.base):
        head += f"<logo>{xml_text(icon)}</logo>"
    entries = "".join(_entry(post, page) for post in page.posts)
    return f"{head}{entries}</feed>\n".encode()


def _entry(post: Json, page: SyndicatedPage) -> str:
    feed, base, words = page.feed, page.base, page.words
    authors = post.get("authors") or [{"name": feed["title"]}]
    language = post.get("language") or feed["language"]
    place = post.get("location")
    source = (post.get("source") or {}).get("name")
    return (
        f"<entry xml:lang={_attr(language)}><id>{xml_text(post['url'])}</id>"
        f"<title>{xml_text(headline_of(post, words))}</title>"
        f"<published>{post['published_at']}</published>"
        f"<updated>{updated_at(post)}</updated>"
        f'<link rel="alternate" type="text/html" href={_attr(post["url"])}/>'
        + "".join(_author(author, base) for author in authors)
        + "".join(
            f"<category term={_attr(mark)} scheme={_attr(feed['url'] + '#marks')} "
            f"label={_attr(words[mark])}/>"
            for mark in marks_of(post)
        )
        + "".join(f"<category term={_attr(tag)}/>" for tag in post.get("tags", ()))
        + (f"<dcterms:spatial>{xml_text(place)}</dcterms:spatial>" if place else "")
        + (f"<dcterms:source>{xml_text(source)}</dcterms:source>" if source else "")
        + "".join(_media(picture, base) for picture in pictures(post))
        + f'<content type="html">{xml_text(content_html(post, base, words))}</content>'
        "</entry>"
    )


def _author(author: Json, base: str) -> str:
    url = absolute(author.get("url"), base)
    uri = f"<uri>{xml_text(url)}</uri>" if url else ""
    return f"<author><name>{xml_text(author['name'])}</name>{uri}</author>"


def _media(picture: Json, base: str) -> str:
    url = absolute(picture.get("url"), base)
    if url is None:
        return ""
    sizes = "".join(
        f' {name}="{picture[name]}"'
        for name in ("width", "height")
        if picture.get(name)
    )
    alt, credit = picture.get("alt"), picture.get("credit")
    return (
        f'<media:content url={_attr(url)} medium="image"{sizes}>'
        + (f"<media:description>{xml_text(alt)}</media:description>" if alt else "")
        + (f"<media:credit>{xml_text(credit)}</media:credit>" if credit else "")
        + "</media:content>"
    )


def xml_text(text: str) -> str:
    """The text as XML, without characters that XML forbids."""
    return escape(_CONTROL.sub("", text))


def _attr(text: str) -> str:
    return quoteattr(_CONTROL.sub("", text))


# JSON Feed


def json_feed(page: SyndicatedPage) -> bytes:
    """The posts as JSON Feed 1.1."""
    feed = page.feed
    description = feed_description(feed, (), page.words)
    return msgspec.json.encode(
        _present(
            {
                "version": "https://jsonfeed.org/version/1.1",
                "title": feed["title"],
                "home_page_url": feed["url"],
                "feed_url": page.address("feed.json", page.query),
                "next_url": page.next and page.address("feed.json", page.next),
                "description": description if description != feed["title"] else None,
                "icon": absolute((feed.get("image") or {}).get("url"), page.base),
                "language": feed["language"],
                "expired": feed["status"] == "closed" or None,
                "items": [_item(post, page) for post in page.posts],
            }
        )
    )


def _item(post: Json, page: SyndicatedPage) -> dict[str, object]:
    base = page.base
    found = pictures(post)
    # JSON Feed has no members for these: an extension, in the form that it prescribes.
    own = {
        name: post[name]
        for name in (
            *("location", "breaking", "key", "verification"),
            *("source", "correction"),
        )
        if post.get(name)
    }
    return _present(
        {
            "id": post["url"],
            "url": post["url"],
            "title": post.get("headline"),
            "content_html": content_html(post, base, page.words),
            "summary": description_of(post) or None,
            "image": absolute(found[0].get("url"), base) if found else None,
            "date_published": post["published_at"],
            "date_modified": updated_at(post),
            "authors": [
                _present(
                    {
                        "name": author["name"],
                        "url": absolute(author.get("url"), base),
                    }
                )
                for author in post.get("authors", ())
            ]
            or None,
            "tags": list(post.get("tags", ())) or None,
            "language": post.get("language"),
            "_stop_press": own or None,
        }
    )


def _present(value: Mapping[str, object]) -> dict[str, object]:
    return {name: member for name, member in value.items() if member is not None}
