"""The server's template and the browser's render modules draw the same DOM.

That is what lets a page be taken over in place, and a part that did not change be
left alone. Compared by the browser itself (`isEqualNode`), node for node.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.render_html import Templates
from tests.unit.web.web_harness import shown_feed as feed
from tests.unit.web.web_harness import shown_post as post

FILES = browser_folder()
FIXTURES = Path(__file__).parents[1] / "fixtures"
ORIGIN = "https://twin.example"

UPLOADED = "/media/x/a0123456789abcdef-1200x675.jpg"
AUTHORS = [
    {"name": "Ines Calloway", "url": "https://a.example/i", "role": "Reporter"},
    {"name": "J. P.", "role": "<Maps>", "image": "/demo/p.svg"},
    {"name": "N. E.", "image": UPLOADED},
    {"name": "Unsafe", "image": "javascript:alert(1)"},
]
NOTE = {"note": "It was Tuesday & <not> Monday.", "at": "2026-11-22T23:40:00.000Z"}
PICTURE = {"type": "image", "url": "/demo/p.svg", "width": 1200, "height": 675}

POSTS: dict[str, dict[str, Any]] = {
    "plain": post(1),
    "without a headline": post(2, headline=None),
    "without a body": post(3, body="", html=""),
    "key and breaking": post(4, key=True, breaking=True),
    "how sure it is": post(17, verification="single"),
    "every mark": post(18, key=True, breaking=True, verification="disputed"),
    "authors": post(5, authors=AUTHORS),
    "source and tags": post(6, source={"name": "Radio"}, tags=["a", "b & c"]),
    "source with an address": post(7, source={"name": "R", "url": "https://r.example"}),
    "a location": post(16, location="Pier <3> & café"),
    "corrected": post(8, correction=NOTE, rev=3),
    "another language": post(9, language="ar", headline="عاجل"),
    "another direction": post(10, direction="rtl"),
    "the feed's own language": post(11, language="en"),
    "markup": post(
        12,
        body="# One\n\n- *two*\n- `three`\n\n> four\n\n[five](/live/x) "
        "![six](https://a.example/6.png)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    ),
    "pictures": post(
        13,
        media=[
            {**PICTURE, "alt": "A bridge", "caption": "At night", "credit": "N. E."},
            {**PICTURE, "credit": "N. E."},
            {"type": "image", "url": "https://a.example/7.jpg", "caption": "Small"},
            {"type": "image", "url": UPLOADED, "width": 1200, "height": 675},
            {"type": "image", "url": f"https://a.example{UPLOADED}"},
            {"type": "image", "url": "/media/x/i0123456789abcdef-1x1.jpg"},
            {"type": "image", "url": "javascript:alert(1)", "alt": "never"},
        ],
    ),
    "quotes and cards": post(
        14,
        media=[
            {"type": "quote", "text": "So it “goes”", "credit": "A baker", "url": "/q"},
            {"type": "quote", "text": "Unsigned"},
            {"type": "link", "url": "https://b.example:81/x?y=1", "title": "A page"},
            {
                "type": "link",
                "url": "https://b.example/",
                "title": "B",
                "text": "About B",
                "image": "/b.png",
                "caption": "seen at noon",
            },
            {"type": "link", "url": "https://c.example/"},
            {"type": "link", "url": "https://d.example/", "image": UPLOADED},
            {"type": "embed", "url": "https://v.example/1", "provider": "Videos"},
            {"type": "embed", "url": "HTTPS://V.example?a=1"},
            {"type": "embed", "url": "/demo/weir_animation.html"},
            {
                "type": "embed",
                "url": "/demo/weir_animation.html",
                "provider": "The weir",
                "title": "Live picture",
                "width": 640,
                "height": 360,
            },
        ],
    ),
    "everything at once": post(
        15,
        key=True,
        authors=AUTHORS,
        source={"name": "S"},
        tags=["t"],
        media=[PICTURE],
        correction=NOTE,
        rev=2,
        language="tr",
        published_at="2026-03-29T00:59:59.000Z",
        updated_at="2026-03-29T01:00:00.000Z",
    ),
}
ZONES = ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC", "No/Where"]
LANGUAGES = ["en", "de", "fr", "tr", "ar", "ru", "pt-BR"]


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Page:
    """A page that has the modules at hand."""

    def serve(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path.startswith("/stop-press/") and path.endswith(".js"):
            route.fulfill(path=FILES / path[1:], content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><title>Twin</title>")

    page = chromium.new_page()
    page.route("**/*", serve)
    page.goto(ORIGIN)
    return page


COMPARE = """async ([html, feed, posts, words, what]) => {
    const names = ["render_post", "render_head_and_side_boxes", "render_media"];
    const parts = await Promise.all(
        names.map((name) => import(`/stop-press/${name}.js`)));
    const render = Object.assign({}, ...parts);
    const template = document.createElement("template");
    template.innerHTML = html;
    const ctx = { words, feed, base: "", headingLevel: 1, more: render };
    const drawn = render[what](...posts, ctx);
    const given = template.content.firstElementChild;
    return given.isEqualNode(drawn) ? null : [given.outerHTML, drawn.outerHTML];
}"""


def same(page: Page, html: str, what: str, kept: Any, words: Any, *posts: Any) -> None:
    """Fails with both texts if the two differ."""
    different = page.evaluate(COMPARE, [html, kept, list(posts), words, what])
    if different:
        assert different[0] == different[1]
        pytest.fail(f"the nodes differ, though their text is the same: {different[0]}")


@pytest.mark.parametrize("name", POSTS)
def test_server_and_browser_render_posts_alike(page: Page, name: str) -> None:
    """Every kind of post."""
    paper, kept = Templates(FILES), feed()
    html = paper.post(kept, POSTS[name])
    same(page, html, "renderPost", kept, paper.words("en"), POSTS[name])


@pytest.mark.parametrize("language", LANGUAGES)
def test_server_and_browser_localize_alike(page: Page, language: str) -> None:
    """Words, dates and directions, of languages with a table and of others."""
    paper, kept = Templates(FILES), feed(language=language)
    html = paper.post(kept, POSTS["everything at once"])
    words = paper.words(language)
    same(page, html, "renderPost", kept, words, POSTS["everything at once"])


@pytest.mark.parametrize("zone", ZONES)
def test_server_and_browser_use_zones_alike(page: Page, zone: str) -> None:
    """The feed's clock, before and after a change of the hour."""
    paper, kept = Templates(FILES), feed(timezone=zone)
    for at in (
        "2026-03-29T00:59:59.999Z",
        "2026-03-29T01:00:00.000Z",
        "2026-10-25T00:59:00.000Z",
        "1999-12-31T23:59:59.000Z",
    ):
        one = post(1, published_at=at)
        words = paper.words("en")
        same(page, paper.post(kept, one), "renderPost", kept, words, one)


@pytest.mark.parametrize("part", ["head", "summary", "links"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"standfirst": "", "status": "upcoming"},
        {
            "standfirst": "One.\n\nTwo.",
            "summary": "- a\n- b & c\nd",
            "status": "closed",
            "closed_at": "2026-11-22T23:40:00.000Z",
        },
        {"links": [{"title": "L", "url": "https://l.example"}], "status": "paused"},
        {"image": {"url": "/demo/p.svg", "width": 12, "height": 8, "alt": "A bridge"}},
        {"image": {"url": UPLOADED, "width": 1200, "height": 675}},
        {"image": {"url": "https://a.example/p.png"}, "standfirst": "a\nb"},
        {"links": [{"title": "It", "url": "/live/x"}]},
        {"links": [{"title": "A", "url": "/a"}, {"title": "It", "url": "/live/x"}]},
    ],
)
def test_server_and_browser_render_the_page_alike(
    page: Page, part: str, more: dict[str, Any]
) -> None:
    """Head, summary and links, with and without content."""
    paper, kept = Templates(FILES), feed(**more)
    html = paper.part(part, kept)
    words = paper.words("en")
    same(page, html, f"render{part.capitalize()}", kept, words)


def test_server_and_browser_title_posts_alike(page: Page) -> None:
    """For a table of untidy posts."""
    table = json.loads((FIXTURES / "post_titles.json").read_text())
    said = page.evaluate(
        """async (posts) => {
            const { headlineOf } = await import("/stop-press/post_title.js");
            const words = { picture: "Picture", update: "Update" };
            return posts.map((post) => headlineOf(post, words));
        }""",
        [{"id": "0abc", **row["post"]} for row in table],
    )
    named = [row["what"] for row in table]
    expected = [row["says"] for row in table]
    assert dict(zip(named, said, strict=True)) == dict(
        zip(named, expected, strict=True)
    )


def test_every_language_has_every_text() -> None:
    """The entries of English, and no other."""
    tables = Templates(FILES).tables

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(member) for name, member in value.items()}
        return len(value) if isinstance(value, list) else None

    english = shape({k: v for k, v in tables["en"].items() if k != "new"})
    for language, table in tables.items():
        own = {k: v for k, v in table.items() if k not in ("new", "reading")}
        expected = {k: v for k, v in english.items() if k != "reading"}
        assert shape(own) == expected, language
        assert {"one", "other"} <= set(table["new"])
        assert json.dumps(table).count("{n}") >= 2
