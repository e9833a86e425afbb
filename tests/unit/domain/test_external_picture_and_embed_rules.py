"""Nothing is loaded from a host that is not allowed."""

from __future__ import annotations

import msgspec
import pytest

from stoppress.desk.markdown import to_html
from stoppress.domain.external_picture_and_embed_rules import (
    ForeignContent,
    Hosts,
    host_fault,
)
from stoppress.domain.post import Author, Media, Post
from stoppress.wire.encode_messages import public_feed, public_post

OWN = "https://live.example"


def foreign(pictures: list[str], embeds: list[str]) -> ForeignContent:
    """A policy."""
    return ForeignContent(Hosts(pictures, OWN), Hosts(embeds, OWN))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        *(("/a.png", True), ("https://live.example/a.png", True), (None, True)),
        *(("https://a.example/x", True), ("https://A.EXAMPLE:443/x", True)),
        *(("https://a.example:8443/x", False), ("https://b.example:8443/x", True)),
        *(("https://one.c.example/x", True), ("https://c.example/x", False)),
        *(("https://evilc.example/x", False), ("https://d.example/x", False)),
        *(("https://a.example@evil.example/", False), ("https://[/", False)),
        *(("https://evil.example\\@a.example/", False), ("data:x", False)),
    ],
)
def test_hosts(url: str | None, allowed: bool) -> None:
    """By name, by name and port, and below a name."""
    hosts = Hosts(["a.example", "b.example:8443", "*.c.example"], OWN)
    assert hosts.allow(url) is allowed
    assert Hosts(["*"], OWN).allow(url)


def shown(post: Post, policy: ForeignContent | None) -> dict[str, object]:
    """A post as readers get it."""
    found: dict[str, object] = msgspec.json.decode(
        public_post(msgspec.json.encode(post), "x", OWN, policy)
    )
    return found


def test_authors_without_foreign_pictures() -> None:
    """Their names and roles stay."""
    authors = (
        Author("A", role="Editor", image="https://evil.example/a.png"),
        Author("B", image="/b.png"),
    )
    post = Post(id="1", published_at="2026-11-22T09:20:00.000Z", rev=1, authors=authors)
    found = shown(post, foreign(["cdn.example"], ["*"]))
    assert found["authors"] == [
        {"name": "A", "role": "Editor"},
        {"name": "B", "image": "/b.png"},
    ]
    assert shown(post, foreign(["*"], [])) == shown(post, None)


def test_a_feed_without_a_foreign_picture() -> None:
    """Who may change the feed gets it still."""
    url = "https://evil.example/lead.png"
    at = "2026-11-28T15:00:00.000Z"
    named = {"slug": "x", "title": "X", "status": "live", "visibility": "public"}
    shown_in = {"language": "en", "direction": "ltr", "timezone": "UTC"}
    made = {"rev": 1, "created_at": at, "updated_at": at}
    stored = msgspec.json.encode(named | shown_in | made | {"image": {"url": url}})

    def image(policy: ForeignContent | None) -> object:
        return msgspec.json.decode(public_feed(stored, OWN, policy)).get("image")

    assert image(foreign(["cdn.example"], ["*"])) is None
    assert image(foreign(["evil.example"], [])) == {"url": url}
    assert image(None) == {"url": url}


def test_a_post_without_what_is_foreign() -> None:
    """Pictures and embeds become links; the rest stays, and by default all does."""
    body = (
        '![a <b> "c"](https://evil.example/a.png?x&y) '
        "![own](/own.png) ![far](https://cdn.example/far.png)"
    )
    media = (
        Media("image", "https://evil.example/p.png", 10, 20, alt="A quay"),
        Media("image", "https://cdn.example/p.png"),
        Media("embed", "https://video.example/1", 4, 3, image="https://evil.example/i"),
        Media("link", "https://evil.example/l", image="https://cdn.example/i.png"),
        Media("quote", text="Words"),
    )
    at = "2026-11-28T15:00:00.000Z"
    post = Post(
        id="p", body=body, html=to_html(body), media=media, published_at=at, rev=1
    )
    found = shown(post, foreign(["cdn.example"], []))
    text = str(found["html"])
    assert "evil.example" not in text and "a &lt;b&gt; &quot;c&quot;" in text
    assert text.count("<img") == 2
    assert found["media"] == [
        {"type": "link", "url": "https://evil.example/p.png"}
        | {"alt": "A quay", "title": "A quay"},
        {"type": "image", "url": "https://cdn.example/p.png"},
        {"type": "link", "url": "https://video.example/1"},
        {"type": "link", "url": "https://evil.example/l"}
        | {"image": "https://cdn.example/i.png"},
        {"type": "quote", "text": "Words"},
    ]
    everything = shown(post, None)
    assert shown(post, foreign(["*"], ["*"])) == everything
    assert str(everything["html"]).count("<img") == 3


@pytest.mark.parametrize("entry", ["*", "a.example", "*.a.example", "a:8443", "[::1]"])
def test_a_host(entry: str) -> None:
    """As the setting takes it."""
    assert host_fault(entry) is None


@pytest.mark.parametrize("entry", ["https://a", "a/b", "*.", "a.*", "'self'", "a;b"])
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    """Anything else would end up in a header."""
    assert "is not a host" in str(host_fault(entry))
