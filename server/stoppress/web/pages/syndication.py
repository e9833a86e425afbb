"""A feed for machines: JSON-LD, Atom, JSON Feed, oEmbed.

Pure: made from the snapshot that the page is made from, so what was withdrawn
leaves all of them with the same event. Times carry the offset of the feed's zone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from stoppress.web.pages.excerpt import headline_of, plain
from stoppress.web.pages.localization import moment
from stoppress.web.pages.templating import safe_url

Json = Mapping[str, Any]

MIN_FRAME, MAX_FRAME = 200, 2000
"""Pixels an oEmbed frame may be wide or high."""

_DCTERMS = "http://purl.org/dc/terms/"
"""Where Atom has no name for what a post says, Dublin Core has."""
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def absolute(url: str | None, base: str) -> str | None:
    """A safe address, with the site's before it where it begins at the root."""
    safe = safe_url(url)
    return base + safe if safe and safe[0] == "/" else safe


# JSON-LD


def live_blog_posting(
    feed: Json, posts: Iterable[Json], base: str, publisher: Mapping[str, object]
) -> dict[str, object]:
    """The coverage as schema.org has it, with its updates."""
    zone = feed["timezone"]
    held = list(posts)
    value = {
        **_article(feed, held, base, publisher),
        "@type": "LiveBlogPosting",
        "@id": feed["url"],
        "isPartOf": {"@type": "NewsArticle", "@id": _article_id(feed)},
        "coverageStartTime": _iso(
            feed.get("coverage_start") or feed["created_at"], zone
        ),
        "coverageEndTime": feed.get("closed_at")
        and _iso(feed.get("coverage_end") or feed["closed_at"], zone),
        "liveBlogUpdate": [_blog_posting(post, zone, base, publisher) for post in held],
    }
    return {name: member for name, member in value.items() if member}


def news_article(
    feed: Json, posts: Iterable[Json], base: str, publisher: Mapping[str, object]
) -> dict[str, object]:
    """The page as schema.org has it: the article that the coverage is part of.

    Search engines rank this one, and mark it as live for the LiveBlogPosting.
    """
    value = {
        **_article(feed, posts, base, publisher),
        "@type": "NewsArticle",
        "@id": _article_id(feed),
        "hasPart": {"@type": "LiveBlogPosting", "@id": feed["url"]},
    }
    return {name: member for name, member in value.items() if member}


def _article_id(feed: Json) -> str:
    return f"{feed['url']}#article"


def _article(
    feed: Json, posts: Iterable[Json], base: str, publisher: Mapping[str, object]
) -> dict[str, object]:
    """What the two have in common."""
    zone = feed["timezone"]
    image = absolute(feed.get("image", {}).get("url"), base)
    return {
        "@context": "https://schema.org",
        "url": feed["url"],
        "mainEntityOfPage": feed["url"],
        "headline": feed["title"],
        "description": feed.get("standfirst"),
        "inLanguage": feed["language"],
        "image": [image] if image else None,
        "datePublished": _iso(feed["created_at"], zone),
        "dateModified": _iso(max([feed["updated_at"], *map(_updated, posts)]), zone),
        "author": [publisher],
        "publisher": publisher,
    }


def _blog_posting(
    post: Json, zone: str, base: str, publisher: Mapping[str, object]
) -> dict[str, object]:
    images = [
        absolute(item.get("url"), base)
        for item in post.get("media", ())
        if item["type"] == "image"
    ]
    value = {
        "@type": "BlogPosting",
        "@id": post["url"],
        "url": post["url"],
        "headline": headline_of(post),
        "articleBody": plain(post.get("html", "")) or headline_of(post),
        "datePublished": _iso(post["published_at"], zone),
        "dateModified": _iso(_updated(post), zone),
        "inLanguage": post.get("language"),
        # Who vouches for what nobody signed.
        "author": [_person(author, base) for author in post.get("authors", ())]
        or [publisher],
        "image": [image for image in images if image],
        "contentLocation": post.get("location")
        and {"@type": "Place", "name": post["location"]},
    }
    return {name: member for name, member in value.items() if member}


def posting(
    feed: Json, post: Json, base: str, publisher: Mapping[str, object]
) -> dict[str, object]:
    """One post on a page of its own."""
    return {
        "@context": "https://schema.org",
        **_blog_posting(post, feed["timezone"], base, publisher),
        "isPartOf": {"@type": "LiveBlogPosting", "@id": feed["url"]},
        "publisher": publisher,
    }


def organization(
    name: str, base: str, logo: str, pages: Sequence[str] = ()
) -> dict[str, object]:
    """Who publishes, and that publisher's pages elsewhere."""
    made: dict[str, object] = {"@type": "Organization", "name": name, "url": base}
    if logo:
        made["logo"] = {"@type": "ImageObject", "url": absolute(logo, base) or logo}
    if pages:
        made["sameAs"] = list(pages)
    return made


def _person(author: Json, base: str) -> Mapping[str, object]:
    url = absolute(author.get("url"), base)
    return {"@type": "Person", "name": author["name"]} | ({"url": url} if url else {})


def _updated(post: Json) -> str:
    """When what the post says last changed."""
    return str(post.get("updated_at", post["published_at"]))


def _iso(at: str, zone: str) -> str:
    return moment(at, zone).isoformat()


# Atom


def atom(feed: Json, posts: Iterable[Json], base: str) -> bytes:
    """The newest posts as Atom (RFC 4287)."""
    held = list(posts)
    updated = max([feed["updated_at"], *map(_updated, held)])
    url = feed["url"]
    own = f"{url}/atom.xml"
    head = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:dcterms="{_DCTERMS}" '
        f"xml:lang={_attr(feed['language'])}>"
        f"<id>{_text(url)}</id><title>{_text(feed['title'])}</title>"
        f"<updated>{updated}</updated>"
        f'<link rel="alternate" type="text/html" href={_attr(url)}/>'
        f'<link rel="self" type="application/atom+xml" href={_attr(own)}/>'
        "<generator>Stop Press</generator>"
    )
    if standfirst := feed.get("standfirst"):
        head += f"<subtitle>{_text(standfirst)}</subtitle>"
    entries = "".join(_entry(post, feed, base) for post in held)
    return f"{head}{entries}</feed>\n".encode()


def _entry(post: Json, feed: Json, base: str) -> str:
    authors = post.get("authors") or [{"name": feed["title"]}]
    body, place = _rooted(post.get("html", ""), base), post.get("location")
    return (
        f"<entry><id>{_text(post['url'])}</id>"
        f"<title>{_text(headline_of(post))}</title>"
        f"<published>{post['published_at']}</published>"
        f"<updated>{_updated(post)}</updated>"
        f'<link rel="alternate" type="text/html" href={_attr(post["url"])}/>'
        + "".join(_author(author, base) for author in authors)
        + "".join(f"<category term={_attr(tag)}/>" for tag in post.get("tags", ()))
        + (f"<dcterms:spatial>{_text(place)}</dcterms:spatial>" if place else "")
        + f'<content type="html">{_text(body)}</content></entry>'
    )


def _author(author: Json, base: str) -> str:
    url = absolute(author.get("url"), base)
    uri = f"<uri>{_text(url)}</uri>" if url else ""
    return f"<author><name>{_text(author['name'])}</name>{uri}</author>"


def _text(text: str) -> str:
    return escape(_CONTROL.sub("", text))


def _attr(text: str) -> str:
    return quoteattr(_CONTROL.sub("", text))


def _rooted(markup: str, base: str) -> str:
    """Safe HTML whose addresses lead here from anywhere."""
    return re.sub(r'\b(href|src)="(/[^/"])', rf'\1="{base}\2', markup)


# JSON Feed


def json_feed(feed: Json, posts: Iterable[Json], base: str) -> bytes:
    """The newest posts as JSON Feed 1.1."""
    value = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed["title"],
        "home_page_url": feed["url"],
        "feed_url": f"{feed['url']}/feed.json",
        "description": feed.get("standfirst"),
        "language": feed["language"],
        "expired": feed["status"] == "closed" or None,
        "items": [_item(post, base) for post in posts],
    }
    return msgspec.json.encode(
        {name: member for name, member in value.items() if member is not None}
    )


def _item(post: Json, base: str) -> dict[str, object]:
    images = [one for one in post.get("media", ()) if one["type"] == "image"]
    value = {
        "id": post["url"],
        "url": post["url"],
        "title": post.get("headline"),
        "content_html": _rooted(post.get("html", ""), base),
        "image": absolute(images[0].get("url"), base) if images else None,
        "date_published": post["published_at"],
        "date_modified": _updated(post),
        "authors": [
            {"name": author["name"], "url": url}
            if (url := absolute(author.get("url"), base))
            else {"name": author["name"]}
            for author in post.get("authors", ())
        ]
        or None,
        "tags": list(post.get("tags", ())) or None,
        "language": post.get("language"),
        # JSON Feed has no place: an extension, as it asks for.
        "_stop_press": {"location": place} if (place := post.get("location")) else None,
    }
    return {name: member for name, member in value.items() if member is not None}


# Sitemap


def sitemap(feeds: Iterable[Json], base: str) -> bytes:
    """The public feeds, for search engines (sitemaps.org 0.9)."""
    pages = "".join(
        f"<url><loc>{_text(base)}/live/{feed['slug']}</loc>"
        f"<lastmod>{feed['updated_at']}</lastmod></url>"
        for feed in feeds
    )
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return f'{head}<urlset xmlns="{space}">{pages}</urlset>\n'.encode()


# oEmbed


def oembed(
    feed: Json, base: str, publisher: str, max_width: int | None, max_height: int | None
) -> bytes:
    """The frame of a feed, for a page that asks by oEmbed 1.0."""
    width = max(MIN_FRAME, min(max_width or 640, MAX_FRAME))
    height = max(MIN_FRAME, min(max_height or 720, MAX_FRAME))
    src = f"{base}/embed/{feed['slug']}"
    title = html.escape(feed["title"])
    return msgspec.json.encode(
        {
            "version": "1.0",
            "type": "rich",
            "provider_name": publisher,
            "provider_url": base,
            "title": feed["title"],
            "cache_age": 300,
            "width": width,
            "height": height,
            "html": f'<iframe src="{src}" title="{title}" width="{width}" '
            f'height="{height}" loading="lazy"></iframe>',
        }
    )
