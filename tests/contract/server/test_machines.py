"""What machines read of a feed, read by parsers that are not ours.

JSON-LD and Open Graph by extruct, Atom by feedparser, JSON Feed, oEmbed and the
JSON-LD's members by JSON Schemas written after what those formats' own pages ask.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import extruct  # type: ignore[import-untyped]
import feedparser  # type: ignore[import-untyped]
import httpx
import jsonschema
import pytest

from tests.conftest import Server
from tests.plain_http import PATIENCE_S, PLAIN
from tests.waiting import wait_until

SCHEMAS = Path(__file__).parents[2] / "fixtures" / "schemas"
HOSTILE = "</script><script>alert(1)</script> ]]> <!-- & \" ' \u2028 \u0085 —"
MEDIA = [
    {"type": "image", "url": "/a%20b.png", "alt": HOSTILE, "width": 40, "height": 30},
    {"type": "image", "url": "https://a.example/1.jpg?x=1&y=2"},
    {"type": "quote", "text": HOSTILE, "credit": HOSTILE, "url": "/q"},
]
FEEDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "full": {
        "standfirst": "What it is about.",
        "summary": "- one",
        "language": "pt-BR",
        "timezone": "Asia/Kathmandu",
        "coverage_start": "2026-11-22T18:00:00+05:45",
        "image": {"url": "/cover.png", "alt": "A cover"},
    },
    "closed": {"status": "closed", "language": "ar", "direction": "rtl"},
    "hostile": {"title": HOSTILE, "standfirst": HOSTILE},
}
POSTS: list[dict[str, Any]] = [
    {"body": "Only a text."},
    {"headline": "Only a headline"},
    {
        "headline": "Everything",
        "body": "**Bold**, [here](/live/x) and [there](https://b.example/?a=1&b=2).",
        "authors": [{"name": "Ines", "url": "https://a.example/i"}, {"name": "J."}],
        "source": {"name": "Radio", "url": "https://r.example/"},
        "location": "Pier <3>",
        "tags": ["one", "two & three"],
        "language": "tr",
        "media": MEDIA,
        "published_at": "2026-03-29T02:30:00+05:45",
    },
    {
        "headline": HOSTILE,
        "body": HOSTILE
        + "\n\n<img src=x onerror=alert(1)>\n\n[a](javascript:alert(1))",
        "authors": [{"name": HOSTILE, "url": "https://a.example/?%3C&'%22"}],
        "tags": [HOSTILE[:40]],
        "media": MEDIA,
    },
    {"media": [MEDIA[1]]},
]


def check(value: object, schema: str) -> None:
    """Fails with everything that the schema does not allow."""
    rules = json.loads((SCHEMAS / f"{schema}.json").read_text())
    wrong = jsonschema.Draft202012Validator(rules).iter_errors(value)
    assert not [(list(one.absolute_path), one.message) for one in wrong]


def get(url: str) -> httpx.Response:
    """A page, as a crawler gets it."""
    answer = httpx.get(verify=PLAIN, url=url, timeout=PATIENCE_S, trust_env=False)
    assert answer.status_code == 200, (url, answer.text)
    return answer


def linked_data(url: str) -> list[Any]:
    """The JSON-LD objects of a page."""
    page = get(url)
    found = extruct.extract(page.text, base_url=url, syntaxes=["json-ld"])
    values: list[Any] = found["json-ld"]
    return values


def filled(server: Server, **fields: object) -> tuple[str, list[dict[str, Any]]]:
    """A feed with every kind of post; its posts, as they were made."""
    feed = server.new_feed(**fields)
    posts = [server.publish(feed, **{"body": "", **post})["post"] for post in POSTS]
    return feed, posts


class _Runs(HTMLParser):
    """Counts what would run if a page showed this markup."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note scripts, handlers and addresses that run."""
        if tag in ("script", "style", "iframe", "object"):
            self.found.append(tag)
        for name, value in attrs:
            runs = (value or "").strip().lower().startswith("javascript:")
            if name.startswith("on") or runs:
                self.found.append(f"{tag} {name}={value}")


def what_runs(markup: str) -> list[str]:
    """What in this markup would run."""
    parser = _Runs()
    parser.feed(markup)
    return parser.found


@pytest.mark.parametrize("kind", FEEDS)
def test_linked_data_is_complete_and_escaped(server: Server, kind: str) -> None:
    """It holds the page's own posts, and no text ends its element."""
    feed, posts = filled(server, **FEEDS[kind])
    value, article = linked_data(f"{server.url}/live/{feed}")
    check(value, "live-blog-posting")
    check(article, "news-article")
    assert value["isPartOf"]["@id"] == article["@id"] != value["@id"]
    assert article["hasPart"]["@id"] == value["@id"]
    same = ("url", "headline", "datePublished", "dateModified", "author", "publisher")
    assert [article[name] for name in same] == [value[name] for name in same]
    newest = sorted(
        posts, key=lambda post: (post["published_at"], post["id"]), reverse=True
    )
    updates = value["liveBlogUpdate"]
    assert [one["@id"] for one in updates] == [post["url"] for post in newest]
    assert ("coverageEndTime" in value) == (kind == "closed")
    changed = datetime.fromisoformat(value["dateModified"])
    for one in updates:
        assert datetime.fromisoformat(one["dateModified"]) <= changed
    by_url = {one["url"]: one for one in updates}
    full = by_url[posts[2]["url"]]
    assert full["author"] == [
        {"@type": "Person", "name": "Ines", "url": "https://a.example/i"},
        {"@type": "Person", "name": "J."},
    ]
    assert full["articleBody"] == "Bold, here and there."
    assert full["contentLocation"] == {"@type": "Place", "name": "Pier <3>"}
    assert by_url[posts[3]["url"]]["headline"] == posts[3]["headline"]
    for post in posts:
        (single,) = linked_data(post["url"])
        assert single["@type"] == "BlogPosting" and single["@id"] == post["url"]
        assert single["isPartOf"]["@id"] == value["@id"]


@pytest.mark.parametrize("kind", FEEDS)
def test_page_heads_have_card_and_feed_links(server: Server, kind: str) -> None:
    """Open Graph, Twitter's card, canonical, Atom and JSON Feed."""
    feed, _ = filled(server, **FEEDS[kind])
    url = f"{server.url}/live/{feed}"
    found = extruct.extract(get(url).text, base_url=url, syntaxes=["opengraph"])
    (card,) = found["opengraph"]
    given = dict(card["properties"])
    title = FEEDS[kind].get("title", feed)
    assert given["og:title"].split() == title.split()
    assert given["og:url"] == url and given["og:type"] == "article"
    # Its own, else that of its newest post with one.
    assert given["og:image"].endswith(
        "/cover.png" if kind == "full" else ".jpg?x=1&y=2"
    )
    assert given["og:description"]
    times = [given[f"article:{name}_time"] for name in ("published", "modified")]
    assert times == sorted(times)
    assert 'content="max-image-preview:large"' in get(url).text


@pytest.mark.parametrize("kind", FEEDS)
def test_atom_is_valid(server: Server, kind: str) -> None:
    """Well-formed, with stable ids, whole dates and content without scripts."""
    feed, posts = filled(server, **FEEDS[kind])
    url = f"{server.url}/live/{feed}/atom.xml"
    answer = get(url)
    read = feedparser.parse(
        answer.content,
        response_headers=dict(answer.headers),
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    assert not read.bozo, read.get("bozo_exception")
    assert read.version == "atom10" and read.feed.id == f"{server.url}/live/{feed}"
    assert read.feed.updated_parsed
    links = {one["rel"]: one["href"] for one in read.feed.links}
    page = f"{server.url}/live/{feed}"
    assert links == {"alternate": page, "self": url, "first": url}
    assert {entry.id for entry in read.entries} == {post["url"] for post in posts}
    for entry in read.entries:
        assert entry.published_parsed and entry.updated_parsed
        assert entry.title and entry.author and entry.link == entry.id
        assert what_runs(entry.content[0]["value"]) == []
    etag = {"if-none-match": answer.headers["etag"]}
    again = httpx.get(
        verify=PLAIN, url=url, headers=etag, timeout=PATIENCE_S, trust_env=False
    )
    assert again.status_code == 304


@pytest.mark.parametrize("kind", FEEDS)
def test_json_feed_is_valid(server: Server, kind: str) -> None:
    """Version 1.1, with stable ids."""
    feed, posts = filled(server, **FEEDS[kind])
    url = f"{server.url}/live/{feed}/feed.json"
    answer = get(url)
    value = answer.json()
    check(value, "json-feed")
    assert answer.headers["content-type"].startswith("application/feed+json")
    assert value["feed_url"] == url
    assert {item["id"] for item in value["items"]} == {post["url"] for post in posts}
    for item in value["items"]:
        assert what_runs(item["content_html"]) == []
    etag = {"if-none-match": answer.headers["etag"]}
    again = httpx.get(
        verify=PLAIN, url=url, headers=etag, timeout=PATIENCE_S, trust_env=False
    )
    assert again.status_code == 304


def test_feeds_have_every_post(server: Server) -> None:
    """Page by page, by RFC 5005 and by `next_url`, each post once."""
    feed = server.new_feed()
    posts = [server.publish(feed, body=f"Post {n}.")["post"] for n in range(25)]
    expected = [post["url"] for post in reversed(posts)]
    found: list[str] = []
    url: str | None = f"{server.url}/live/{feed}/atom.xml"
    while url:
        read = feedparser.parse(get(url).content)
        found += [entry.id for entry in read.entries]
        url = {one["rel"]: one["href"] for one in read.feed.links}.get("next")
    assert found == expected
    found = []
    url = f"{server.url}/live/{feed}/feed.json"
    while url:
        value = get(url).json()
        check(value, "json-feed")
        found += [item["id"] for item in value["items"]]
        url = value.get("next_url")
    assert found == expected


@pytest.mark.parametrize("kind", FEEDS)
def test_oembed_is_found_and_framed(server: Server, kind: str) -> None:
    """Discovered from the page; its frame links only to the page."""
    feed, posts = filled(server, **FEEDS[kind])
    shown = f"{server.url}/embed/{feed}"
    for url, src in (
        (f"{server.url}/live/{feed}", shown),
        (posts[0]["url"], f"{shown}/{posts[0]['id']}"),
    ):
        (found,) = re.findall(
            r'<link rel="alternate" type="application/json\+oembed"[^>]* href="(.*?)"',
            get(url).text,
        )
        value = get(f"{unescape(found)}&maxwidth=500").json()
        check(value, "oembed")
        assert value["width"] == 500
        frames = _Runs()
        frames.feed(value["html"])
        assert frames.found == ["iframe"]
        assert f'src="{src}"' in value["html"]
        policy = get(src).headers["content-security-policy"]
        assert "frame-ancestors *" in policy.split("; ")


def test_a_withdrawn_post_leaves_all_formats_at_once(server: Server) -> None:
    """As soon as one answer omits it, every other does."""
    feed = server.new_feed()
    server.publish(feed, "What stays.", headline="Stays")
    words = "Zanzibar quicksilver"
    gone = server.publish(feed, f"{words}.", headline=words, pinned=True)["post"]
    page = f"{server.url}/live/{feed}"
    api = f"{server.url}/v1/feeds/{feed}"
    everywhere = [
        page,
        f"{page}/atom.xml",
        f"{page}/feed.json",
        f"{server.url}/embed/{feed}",
        api,
        f"{api}/posts",
        f"{api}/events?since={get(api).json()['cursor'].rpartition('-')[0]}-0&wait=0",
    ]
    for url in everywhere:
        wait_until(lambda url=url: words in get(url).text)  # type: ignore[misc]
    path = f"/v1/feeds/{feed}/posts/{gone['id']}"
    assert server.request("DELETE", path).status_code == 204
    wait_until(lambda: words not in get(api).text)
    for url in everywhere:
        answer = get(url)
        assert words not in answer.text and "Stays" in answer.text, url
    assert (
        httpx.get(
            verify=PLAIN, url=gone["url"], timeout=PATIENCE_S, trust_env=False
        ).status_code
        == 410
    )
    (kept,) = linked_data(page)[0]["liveBlogUpdate"]
    assert kept["headline"] == "Stays"
