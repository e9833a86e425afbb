"""What is on a page: the values that its template is filled with.

Pure: from a snapshot and what a newsroom is called, no requests. A page for
sharing says what it is about (Open Graph), and for search engines what it is (JSON-LD).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from stoppress.web.encoded_snapshot import EncodedSnapshot
from stoppress.web.pages import syndication
from stoppress.web.pages.excerpt import headline_of, plain, shortened
from stoppress.web.pages.other_feeds import FeedTeaser
from stoppress.web.pages.share_links import shared
from stoppress.web.pages.templating import Templates, data_block
from stoppress.web.post_filter import PostFilter

Json = Mapping[str, Any]

DESCRIPTION = 200
"""Characters of a page's description."""


class PostSelection(NamedTuple):
    """Which posts a page shows, and the ways out of it."""

    choice: PostFilter = PostFilter()
    source: str = ""
    """The API's path of the page's posts; "": the snapshot."""
    next: str | None = None
    """The API's path of those after them."""
    home: str | None = None
    """The page that begins with the first of such posts, where this one does not."""


class PageViews:
    """Draws the pages of one site."""

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
        self._publisher = {"publisher": publisher, "logo": logo, "pages": pages}
        self._organization = syndication.organization(publisher, base, logo, pages)

    def index(self, feeds: Sequence[Json], *, demo: bool) -> bytes:
        """The list of feeds; `demo`: with a link to the demo's pages."""
        shown = [(feed, self._templates.words(feed["language"])) for feed in feeds]
        return self._page("index.html", None, feeds=shown, base=self._base, demo=demo)

    def message(self, status: int, title: str, detail: str, back: str) -> bytes:
        """A page that says what is wrong."""
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
        about = (feed, snapshot.posts, self._base, self._organization)
        linked = (
            data_block(syndication.live_blog_posting(*about)),
            data_block(syndication.news_article(*about)),
        )
        return self._live(
            snapshot,
            snapshot.posts,
            PostSelection(next=snapshot.next),
            **self._card(
                feed["title"],
                feed.get("standfirst", ""),
                feed["url"],
                feed.get("image"),
            ),
            linked_data=linked,
            pinned=snapshot.pinned,
            key_moments=key_moments,
            others=None if framed else others,
            framed=framed,
            parent=parent,
        )

    def others(self, feed: Json, others: Sequence[FeedTeaser]) -> str:
        """The box that tells of other feeds."""
        return self._templates.part("elsewhere", feed, others)

    def listed(
        self, snapshot: EncodedSnapshot, posts: Sequence[Json], window: PostSelection
    ) -> bytes:
        """A page of other posts than the newest, or in another order."""
        feed, choice = snapshot.feed, window.choice
        words = self._templates.words(feed["language"])
        about = [f"#{choice.tag}"] if choice.tag else []
        about += [words["moments"]] if choice.key else []
        return self._live(
            snapshot,
            posts,
            window,
            **self._card(
                " · ".join((*about, feed["title"])),
                feed.get("standfirst", ""),
                feed["url"],
                feed.get("image"),
            ),
            about=" · ".join(about),
        )

    def single(
        self, snapshot: EncodedSnapshot, posts: Sequence[Json], window: PostSelection
    ) -> bytes:
        """A page for the first of some posts."""
        feed, post = snapshot.feed, posts[0]
        title = f"{headline_of(post)} · {feed['title']}"
        text = plain(post.get("html", ""))
        pictures = [item for item in post.get("media", ()) if item["type"] == "image"]
        image = pictures[0] if pictures else feed.get("image")
        linked = syndication.posting(feed, post, self._base, self._organization)
        return self._live(
            snapshot,
            posts,
            window,
            **self._card(title, text, post["url"], image),
            linked_data=(data_block(linked),),
            current=post["id"],
        )

    def _card(
        self, title: str, text: str, canonical: str, image: Json | None
    ) -> dict[str, object]:
        """What a link to the page shows elsewhere."""
        address = syndication.absolute(image.get("url"), self._base) if image else None
        picture = {"url": address, "alt": image.get("alt")} if image else None
        return {
            "title": title,
            "description": shortened(" ".join(text.split()), DESCRIPTION),
            "canonical": canonical,
            "image": picture if address else None,
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
        }
        return self._page(
            "live.html",
            feed,
            ctx=ctx,
            oembed=f"{self._base}/oembed?url={quote(feed['url'], safe='')}",
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


def _page_of(slug: str, next: str | None) -> str | None:
    """The page of the posts that the API has at the path `next`."""
    if next is None:
        return None
    return f"/live/{slug}?{urlsplit(next).query}"
