"""What a page's head was drawn from changes with it: title, metadata, JSON-LD.

After a takedown or a withdrawal no open page holds the words any more, wherever the
server or the page wrote them.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Reader, Readers
from tests.browser.newsdesk import edit, publish, withdraw
from tests.conftest import Server

NEEDLE = "Zephyrine-Quillfeather"
GONE_MS = 60_000
"""A bound for a busy machine; it takes well under 2 s on an idle one."""
MEDIA = [
    {
        "type": "image",
        "url": f"/media/{NEEDLE}.png",
        "alt": f"{NEEDLE} on a boat",
        "caption": f"{NEEDLE} speaks",
        "width": 640,
        "height": 480,
    }
]
HELD = f"""() => [
    document.title.includes("{NEEDLE}") && "title",
    ...document.documentElement.outerHTML.match(/.{{0,60}}{NEEDLE}.{{0,20}}/g) ?? [],
].filter(Boolean)"""
IS_CLEAN = f"() => !({HELD})().length"
LINKED = """() => [...document.querySelectorAll('[type="application/ld+json"]')]
    .map(({ textContent }) => JSON.parse(textContent))"""


def told(page: Page) -> dict[str, Any]:
    """The metadata of a document, by name."""
    made: dict[str, Any] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("meta")]
            .map((one) => [one.getAttribute("property") ?? one.name, one.content]))"""
    )
    return made


def held(server: Server, readers: Readers, feed: str, post: str) -> dict[str, Reader]:
    """Every kind of page that shows the post, open and live."""
    pages = {
        "page": f"/live/{feed}",
        "permalink": f"/live/{feed}/{post}",
        "key moments": f"/live/{feed}?key=1",
        "embed": f"/embed/{feed}",
        "framed permalink": f"/embed/{feed}/{post}",
    }
    made = {}
    for name, path in pages.items():
        made[name] = readers()
        made[name].open(server.url + path)
        found = made[name].page.evaluate(HELD)
        assert len(found) > (1 if name == "key moments" else 3), (name, found)
    return made


def desk(server: Server, readers: Readers, feed: str) -> Reader:
    """The desk, with the feed's newest post open in the composer."""
    reader = readers()
    page = reader.page
    page.goto(f"{server.url}/desk?feed={feed}")
    page.get_by_label("Token").fill(server.token)
    page.keyboard.press("Enter")
    page.locator("#line", has_text="Live").wait_for()
    row = page.locator("#posts > li", has_text=NEEDLE)
    row.get_by_role("button", name="Edit").click()
    page.locator('#write [data-part="title"]', has_text="Change a post").wait_for()
    return reader


@pytest.mark.parametrize("kind", ["takedown", "withdrawal"])
def test_a_withdrawn_post_leaves_open_pages(
    readers: Readers, server: Server, kind: str
) -> None:
    """Page, title, metadata and JSON-LD, within 2 s."""
    feed = server.new_feed(title="The harbour")
    publish(server, feed, "Before")
    post = publish(
        server,
        feed,
        f"{NEEDLE} resigns",
        body=f"{NEEDLE} said so.",
        key=True,
        pinned=True,
        location=f"{NEEDLE} Street",
        authors=[{"name": f"{NEEDLE} Junior"}],
        tags=[NEEDLE.lower()],
        media=MEDIA,
    )
    opened = held(server, readers, feed, post["id"])
    at_desk = desk(server, readers, feed)
    if kind == "takedown":
        path = f"/v1/feeds/{feed}/posts/{post['id']}/takedown"
        assert server.request("POST", path, {"reason": "an error"}).status_code == 200
    else:
        withdraw(server, feed, post)
    for name, reader in {**opened, "desk": at_desk}.items():
        if name == "desk":
            reader.page.locator("#posts > li", has_text=NEEDLE).wait_for(
                state="detached"
            )
            continue
        try:
            reader.page.wait_for_function(IS_CLEAN, timeout=GONE_MS)
        except Exception:
            raise AssertionError((name, reader.page.evaluate(HELD))) from None
        assert reader.page.title().endswith("The harbour · Stop Press"), name
        # The picture is none.
        said = [text for text in reader.complaints if "404" not in text]
        assert not said, (name, said)
    page = opened["page"].page
    blog, article = page.evaluate(LINKED)
    assert [one["headline"] for one in blog["liveBlogUpdate"]] == ["Before"]
    assert blog["description"] == article["description"] == "Before"
    assert told(page)["og:description"] == told(page)["description"] == "Before"
    assert opened["permalink"].page.evaluate(LINKED) == []
    # The composer is emptied apart from the row.
    at_desk.page.wait_for_function(IS_CLEAN, timeout=GONE_MS)


def test_the_head_follows_its_post_and_feed(readers: Readers, server: Server) -> None:
    """Title, metadata and JSON-LD show an edit and a change of the feed."""
    feed = server.new_feed(title="The harbour")
    post = publish(
        server, feed, "One dead", authors=[{"name": "Ines"}], media=MEDIA, location="A"
    )
    page, permalink = readers(), readers()
    page.open(f"{server.url}/live/{feed}")
    permalink.open(f"{server.url}/live/{feed}/{post['id']}")
    assert "og:image" in told(page.page)
    post = edit(
        server,
        feed,
        post,
        headline="None dead",
        body="All </script> are safe.",
        media=[],
        correction={"note": "Nobody died."},
    )
    named = "None dead · The harbour"
    permalink.page.wait_for_function(f"() => document.title === '{named} · Stop Press'")
    meta = told(permalink.page)
    assert meta["og:title"] == named and "og:image" not in meta
    assert meta["og:description"] == "All </script> are safe."
    assert meta["twitter:card"] == "summary"
    (linked,) = permalink.page.evaluate(LINKED)
    assert linked["headline"] == "None dead"
    assert linked["articleBody"] == "All </script> are safe."
    assert linked["dateModified"][:19] == post["updated_at"][:19]
    assert linked["author"] == [{"@type": "Person", "name": "Ines"}]
    assert linked["contentLocation"]["name"] == "A" and not linked["image"]

    page.page.evaluate("() => scrollTo(0, 400)")
    page.page.evaluate("() => document.querySelector('.sp-pause').click()")
    publish(server, feed, "Two")
    page.page.wait_for_function("() => document.title.startsWith('(1) The harbour')")
    changed = {"title": "(2) The quay", "standfirst": "By the *water*."}
    server.request("PATCH", f"/v1/feeds/{feed}", changed)
    page.page.wait_for_function(
        "() => document.title === '(1) (2) The quay · Stop Press'"
    )
    page.page.wait_for_function(
        "() => document.querySelector('[name=description]').content[0] === 'B'"
    )
    blog, article = page.page.evaluate(LINKED)
    assert blog["headline"] == article["headline"] == "(2) The quay"
    assert blog["description"] == "By the *water*."
    assert [one["headline"] for one in blog["liveBlogUpdate"]] == ["None dead"]
    permalink.page.wait_for_function(
        "() => document.title === '(1) None dead · (2) The quay · Stop Press'"
    )
    page.page.evaluate("() => document.querySelector('.sp-new').click()")
    page.page.wait_for_function("() => document.title === '(2) The quay · Stop Press'")
    said = page.complaints + permalink.complaints
    assert not [text for text in said if "404" not in text]


def test_changes_before_the_script_ran_are_found(
    readers: Readers, server: Server
) -> None:
    """By comparison with the head."""
    feed = server.new_feed(title="The harbour", standfirst="About it.")
    post = publish(server, feed, f"{NEEDLE} resigns", media=MEDIA)
    other = publish(server, feed, f"{NEEDLE} returns")
    reader = readers()
    delayed: list[Route] = []
    reader.page.route("**/update_page_head.*.js", lambda route: delayed.append(route))
    reader.page.goto(f"{server.url}/live/{feed}", wait_until="commit")
    reader.page.wait_for_function("() => document.readyState !== 'loading'")
    reader.is_live()
    withdraw(server, feed, post)
    edit(server, feed, other, headline="Nobody returns", body="")
    reader.shows("Nobody returns")
    assert reader.page.evaluate(HELD)
    reader.until(lambda: delayed)
    for route in delayed:
        route.continue_()
    reader.page.wait_for_function(IS_CLEAN, timeout=GONE_MS)
    blog, _ = reader.page.evaluate(LINKED)
    assert [one["headline"] for one in blog["liveBlogUpdate"]] == ["Nobody returns"]


UNTIDY: list[dict[str, Any]] = [
    {"media": [{"type": "image", "url": "/a.png"}]},
    {"media": [{"type": "image", "url": "/a.png", "alt": "A", "credit": "N. E."}]},
    {"media": [{"type": "image", "url": "/a.png", "caption": "C", "credit": "N. E."}]},
    {"media": [{"type": "quote", "text": "So\nit", "caption": "At noon"}]},
    {"media": [{"type": "link", "url": "https://b.example:81/x"}]},
    {
        "media": [
            {"type": "link", "url": "https://b.example", "title": "B", "text": "b"}
        ]
    },
    {"media": [{"type": "embed", "url": "https://v.example/1", "provider": "Videos"}]},
    {"media": [{"type": "embed", "url": "/weir.html"}]},
    {"body": "![Boats](/a.png)", "media": [{"type": "quote", "text": "So it goes"}]},
    {"body": "One\n\n- two\n- three\n\n| a | b |\n|---|---|\n| 1 | 2 |"},
    {"body": "x" * 106 + "👨\u200d👩\u200d👧 tail"},
    {"body": "x" * 107 + "🇹🇷🇹🇷 tail"},
    {"body": "x" * 40 + " \u2067" + "y" * 80 + "\u2069"},
    {"body": "الماء يرتفع في الميناء، " * 12},
    {"body": "बंदरगाह में पानी बढ़ रहा है। " * 12},
    {"body": "น้ำในท่าเรือกำลังเพิ่มขึ้น" * 12},
    {"body": "港の水位が上昇しています。" * 12},
]


def test_the_head_has_the_words_of_the_server(readers: Readers, server: Server) -> None:
    """After a change of every post: what it would have after a reload."""
    feed = server.new_feed(title="The harbour", summary="- One & two\n* three")
    posts = [server.publish(feed, **{"body": "", **one})["post"] for one in UNTIDY]
    page, permalink = readers().page, readers().page
    addresses = {
        page: f"{server.url}/live/{feed}",
        permalink: f"{server.url}/live/{feed}/{posts[0]['id']}",
    }
    for one, address in addresses.items():
        one.goto(address)
        one.wait_for_selector('.sp-line[data-line="live"]', state="attached")
    for post in posts:
        edit(server, feed, post, location="Pier 3")
    for one, address in addresses.items():
        changed = one.locator(".sp-posts .sp-location")
        expect(changed).to_have_count(one.locator(".sp-posts > article").count())
        after = (one.title(), told(one), worded(one))
        one.goto(address)
        assert after[0] == one.title()
        assert worded(one) == after[2]
        for name in ("description", "og:title", "og:description"):
            assert told(one)[name] == after[1][name]


def worded(page: Page) -> list[Any]:
    """What the JSON-LD of a page says in words."""
    parts = ("headline", "articleBody", "description")
    return [
        [[one.get(part) for part in parts] for one in (data, *updates)]
        for data in page.evaluate(LINKED)
        for updates in [data.get("liveBlogUpdate", ())]
    ]
