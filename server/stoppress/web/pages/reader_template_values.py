"""The values that the templates of the readers' pages get.

Pure: computed from a snapshot and the publisher's settings, not from a request. Each
page describes itself for sharing (Open Graph) and for search engines (JSON-LD).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from stoppress.web.encoded_snapshot import EncodedSnapshot
from stoppress.web.filter_and_scan_posts import PostFilter
from stoppress.web.pages.build_atom_and_json_feed import SyndicatedPage
from stoppress.web.pages.find_index_feeds import IndexGroup
from stoppress.web.pages.find_other_feeds import FeedTeaser
from stoppress.web.pages.linked_data import (
    LinkedData,
    absolute,
    changed_at,
    organization,
    pictures,
    updated_at,
)
from stoppress.web.pages.oembed import oembed
from stoppress.web.pages.post_title_and_plain_text import (
    description_of,
    feed_description,
    headline_of,
    one_line,
    shortened,
)
from stoppress.web.pages.render_html import Templates, data_block
from stoppress.web.pages.share_targets import shared

Json = Mapping[str, Any]

DESCRIPTION = 200
"""Limit of a page's description, in characters."""


class PostSelection(NamedTuple):
    """The posts that a page shows, and the addresses of the pages around it."""

    choice: PostFilter = PostFilter()
    source: str = ""
    """The API's path of the page's posts; "": the snapshot."""
    next: str | None = None
    """The API's path of the next page of posts."""
    home: str | None = None
    """The first page of the same selection, if this is a later one."""


class PageViews:
    """Renders the pages of one site."""

    def __init__(
        self,
        templates: Templates,
        files: Mapping[str, str],
        base: str,
        publisher: str,
        logo: str,
        pages: Sequence[str],
    ) -> None:
        self._templates = templates
        self._files = files
        self._base = base
        self._publisher: dict[str, Any] = {
            "publisher": publisher,
            "logo": logo,
            "pages": pages,
        }
        self._organization = organization(publisher, base, logo, pages)

    def index(self, groups: Sequence[IndexGroup], *, demo: bool) -> bytes:
        """The list of feeds; `demo`: with a link to the demo's pages."""
        shown = [
            (status, [(one, self._templates.context(one.feed)) for one in found])
            for status, found in groups
        ]
        picture = next(
            (
                url
                for _, found in groups
                for one in found
                if (url := absolute((one.picture or {}).get("url"), self._base))
            ),
            None,
        )
        return self._page(
            "index.html",
            None,
            groups=shown,
            base=self._base,
            demo=demo,
            image=picture or absolute(self._publisher["logo"], self._base),
            is_logo=picture is None,
        )

    def message(self, status: int, title: str, detail: str, back: str) -> bytes:
        """An error page."""
        words = self._templates.words("en")
        text = {404: words["missing"], 410: words["withdrawn"]}.get(status)
        return self._page(
            "message.html",
            None,
            status=status,
            message=text or title,
            detail="" if text else detail,
            back=back,
        )

    def newest(
        self,
        snapshot: EncodedSnapshot,
        key_moments: Sequence[Json],
        others: Sequence[FeedTeaser] = (),
        *,
        framed: bool = False,
        parent: str = "",
    ) -> bytes:
        """A feed with its newest posts and key moments, on its page or in a frame."""
        feed = snapshot.feed
        linked = self._linked(feed)
        return self._live(
            snapshot,
            snapshot.posts,
            PostSelection(next=snapshot.next),
            **self._feed_card(snapshot),
            linked_data=(
                data_block(linked.live_blog_posting(snapshot.posts)),
                data_block(linked.news_article(snapshot.posts)),
            ),
            pinned=snapshot.pinned,
            key_moments=key_moments,
            others=None if framed else others,
            lead="" if framed else self._lead(feed),
            framed=framed,
            parent=parent,
        )

    def others(self, feed: Json, others: Sequence[FeedTeaser]) -> str:
        """The box with links to other feeds."""
        return self._templates.part("elsewhere", feed, others)

    def listed(
        self, snapshot: EncodedSnapshot, posts: Sequence[Json], window: PostSelection
    ) -> bytes:
        """A page of selected posts (older, filtered or in rising order)."""
        feed, choice = snapshot.feed, window.choice
        words = self._templates.words(feed["language"])
        about = [f"#{choice.tag}"] if choice.tag else []
        about += [words["moments"]] if choice.key else []
        return self._live(
            snapshot,
            posts,
            window,
            **self._feed_card(snapshot, *about),
            about=" · ".join(about),
        )

    def single(
        self,
        snapshot: EncodedSnapshot,
        posts: Sequence[Json],
        window: PostSelection,
        *,
        framed: bool = False,
    ) -> bytes:
        """A page for the first of some posts, or a frame."""
        feed, post = snapshot.feed, posts[0]
        words = self._templates.words(feed["language"])
        headline = headline_of(post, words)
        return self._live(
            snapshot,
            posts,
            window,
            **self._card(
                f"{headline} · {feed['title']}",
                description_of(post) or f"{headline}. {feed['title']}",
                post["url"],
                [*_marked(post), feed.get("image")],
                (post["published_at"], updated_at(post)),
            ),
            linked_data=(data_block(self._linked(feed).posting(post)),),
            current=post["id"],
            framed=framed,
        )

    def syndicated(
        self,
        snapshot: EncodedSnapshot,
        posts: Sequence[Json],
        query: str,
        next: str | None,
    ) -> SyndicatedPage:
        """A machine-readable document of the feed: see `SyndicatedPage`."""
        feed = snapshot.feed
        words = self._templates.words(feed["language"])
        return SyndicatedPage(feed, posts, words, self._base, query, next)

    def oembed(
        self, feed: Json, post: Json | None, *, width: int, height: int
    ) -> bytes:
        """The frame of a feed, or of one of its posts, for another page."""
        return oembed(
            feed,
            post,
            self._base,
            str(self._publisher["publisher"]),
            self._templates.words(feed["language"]),
            width=width,
            height=height,
        )

    def _lead(self, feed: Json) -> str:
        """The address of the picture in the feed's header, which is loaded first."""
        image = feed.get("image")
        return (image and self._templates.site_url(image["url"])) or ""

    def _linked(self, feed: Json) -> LinkedData:
        words = self._templates.words(feed["language"])
        return LinkedData(feed, words, self._base, self._organization)

    def _feed_card(self, snapshot: EncodedSnapshot, *about: str) -> dict[str, object]:
        """The card of a feed's page; `about`: what its posts have in common."""
        feed, posts = snapshot.feed, snapshot.posts
        words = self._templates.words(feed["language"])
        return self._card(
            " · ".join((*about, feed["title"])),
            feed_description(feed, posts, words),
            feed["url"],
            [feed.get("image"), *(one for post in posts for one in _marked(post))],
            (feed["created_at"], changed_at(feed, posts)),
        )

    def _card(
        self,
        title: str,
        text: str,
        canonical: str,
        images: Sequence[Json | None],
        times: tuple[str, str],
    ) -> dict[str, object]:
        """The Open Graph values, which other sites show with a link to the page.

        The picture is the first of `images` that has an address, else the publisher's
        logo. `times`: when the page was published, and last changed.
        """
        picture: Json | None = None
        logo = {"url": self._publisher["logo"], "alt": self._publisher["publisher"]}
        for image in (*images, logo):
            if image and (url := absolute(image.get("url"), self._base)):
                sizes = {name: image.get(name) for name in ("width", "height")}
                sized = sizes if all(sizes.values()) else {}
                picture = {"url": url, "alt": image.get("alt"), "sizes": sized}
                picture |= {"is_logo": image is logo, "post": image.get("post")}
                break
        return {
            "title": title,
            "description": shortened(one_line(text), DESCRIPTION),
            "canonical": canonical,
            "oembed": f"{self._base}/oembed?url={quote(canonical, safe='')}",
            "image": picture,
            "published": times[0],
            "modified": times[1],
        }

    def _live(
        self,
        snapshot: EncodedSnapshot,
        posts: Sequence[Json],
        window: PostSelection,
        **values: object,
    ) -> bytes:
        feed, choice = snapshot.feed, window.choice
        ctx = self._templates.context(feed)
        words = ctx["words"]
        turned = choice._replace(rising=not choice.rising)
        given: dict[str, object] = {
            "linked_data": (),
            "pinned": None,
            "key_moments": (),
            "others": None,
            "about": "",
            "current": "",
            "framed": False,
            "parent": "",
            "lead": "",
        }
        return self._page(
            "feed_page_and_frame.html",
            feed,
            ctx=ctx,
            cursor=str(snapshot.cursor),
            posts=posts,
            window=window,
            newest=snapshot.posts[0]["published_at"] if snapshot.posts else "",
            turned=turned.page(feed["slug"]),
            more=_page_of(feed["slug"], window.next),
            words=data_block(words),
            shared=shared(words),
            **{**given, **values},
        )

    def _page(self, name: str, feed: Json | None, **values: object) -> bytes:
        language = feed["language"] if feed else "en"
        given: dict[str, object] = {
            "files": self._files,
            **self._publisher,
            "language": language,
            "direction": feed["direction"] if feed else "ltr",
            "words": self._templates.words(language),
        }
        return self._templates.page(name, **{**given, **values})


def _marked(post: Json) -> list[Json]:
    """The post's pictures, each with the post's id, with which a page removes them."""
    return [{**one, "post": post["id"]} for one in pictures(post)]


def _page_of(slug: str, next: str | None) -> str | None:
    """The page of the posts at the API's path `next`."""
    if next is None:
        return None
    return f"/live/{slug}?{urlsplit(next).query}"
