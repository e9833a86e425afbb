"""A feed and its posts as JSON-LD, for search engines.

Pure: made from the page's snapshot, so a withdrawn post leaves both with the same
event. Times have the offset of the feed's zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stoppress.web.pages.localization import moment
from stoppress.web.pages.post_title_and_plain_text import (
    feed_description,
    headline_of,
    plain,
)
from stoppress.web.pages.render_html import safe_url

Json = Mapping[str, Any]


def absolute(url: str | None, base: str) -> str | None:
    """A safe address; one that begins at the root becomes absolute."""
    safe = safe_url(url)
    return base + safe if safe and safe[0] == "/" else safe


def updated_at(post: Json) -> str:
    """When the post's content last changed."""
    return str(post.get("updated_at", post["published_at"]))


def changed_at(feed: Json, posts: Sequence[Json]) -> str:
    """When the feed or one of these posts last changed."""
    return max([str(feed["updated_at"]), *map(updated_at, posts)])


def pictures(post: Json) -> list[Json]:
    """The post's attached pictures."""
    return [item for item in post.get("media", ()) if item["type"] == "image"]


def organization(
    name: str, base: str, logo: str, pages: Sequence[str] = ()
) -> dict[str, object]:
    """The publisher, with the addresses of its pages elsewhere."""
    made: dict[str, object] = {"@type": "Organization", "name": name, "url": base}
    if logo:
        made["logo"] = {"@type": "ImageObject", "url": absolute(logo, base) or logo}
    if pages:
        made["sameAs"] = list(pages)
    return made


class LinkedData(NamedTuple):
    """The values that all documents of one feed need."""

    feed: Json
    words: Json
    base: str
    publisher: Json

    def live_blog_posting(self, posts: Sequence[Json]) -> dict[str, object]:
        """The feed as a schema.org LiveBlogPosting, with its updates."""
        feed = self.feed
        start = feed.get("coverage_start") or feed["created_at"]
        end = feed.get("coverage_end") or feed.get("closed_at")
        return _present(
            {
                **self._article(posts),
                "@type": "LiveBlogPosting",
                "@id": feed["url"],
                "isPartOf": {"@type": "NewsArticle", "@id": self._article_id},
                "coverageStartTime": self._iso(start),
                "coverageEndTime": feed.get("closed_at") and self._iso(str(end)),
                "liveBlogUpdate": [self._blog_posting(post) for post in posts],
            }
        )

    def news_article(self, posts: Sequence[Json]) -> dict[str, object]:
        """The page as a schema.org article that the LiveBlogPosting is part of.

        Search engines rank this one, and mark it as live for the LiveBlogPosting.
        """
        return _present(
            {
                **self._article(posts),
                "@type": "NewsArticle",
                "@id": self._article_id,
                "hasPart": {"@type": "LiveBlogPosting", "@id": self.feed["url"]},
            }
        )

    def posting(self, post: Json) -> dict[str, object]:
        """One post on a page of its own."""
        return {
            "@context": "https://schema.org",
            **self._blog_posting(post),
            "isPartOf": {"@type": "LiveBlogPosting", "@id": self.feed["url"]},
            "publisher": self.publisher,
        }

    @property
    def _article_id(self) -> str:
        return f"{self.feed['url']}#article"

    def _article(self, posts: Sequence[Json]) -> dict[str, object]:
        """The members that both documents of the feed have."""
        feed = self.feed
        return {
            "@context": "https://schema.org",
            "url": feed["url"],
            "mainEntityOfPage": feed["url"],
            "headline": feed["title"],
            "description": feed_description(feed, posts, self.words),
            "inLanguage": feed["language"],
            "image": self._images([feed["image"]] if feed.get("image") else []),
            "datePublished": self._iso(feed["created_at"]),
            "dateModified": self._iso(changed_at(feed, posts)),
            "author": [self.publisher],
            "publisher": self.publisher,
        }

    def _blog_posting(self, post: Json) -> dict[str, object]:
        headline = headline_of(post, self.words)
        return _present(
            {
                "@type": "BlogPosting",
                "@id": post["url"],
                "url": post["url"],
                "headline": headline,
                "articleBody": plain(post.get("html", "")) or headline,
                "datePublished": self._iso(post["published_at"]),
                "dateModified": self._iso(updated_at(post)),
                "inLanguage": post.get("language"),
                # The publisher vouches for unsigned posts.
                "author": [self._person(author) for author in post.get("authors", ())]
                or [self.publisher],
                "image": self._images(pictures(post)),
                "contentLocation": post.get("location")
                and {"@type": "Place", "name": post["location"]},
                "correction": post.get("correction")
                and {
                    "@type": "CorrectionComment",
                    "text": post["correction"]["note"],
                    "datePublished": self._iso(post["correction"]["at"]),
                },
            }
        )

    def _images(self, found: Sequence[Json]) -> list[object]:
        """Each picture: with its size if that is known, else only its address."""
        made: list[object] = []
        for picture in found:
            url = absolute(picture.get("url"), self.base)
            size = {name: picture.get(name) for name in ("width", "height")}
            if url and all(size.values()):
                made.append({"@type": "ImageObject", "url": url, **size})
            elif url:
                made.append(url)
        return made

    def _person(self, author: Json) -> Json:
        url = absolute(author.get("url"), self.base)
        link = {"url": url} if url else {}
        return {"@type": "Person", "name": author["name"], **link}

    def _iso(self, at: str) -> str:
        return moment(at, self.feed["timezone"]).isoformat()


def _present(value: Mapping[str, object]) -> dict[str, object]:
    return {name: member for name, member in value.items() if member}
