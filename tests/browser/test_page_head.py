"""What a page's head was drawn from changes with it: title, metadata, JSON-LD.

After a takedown or a withdrawal no open page holds the words any more, wherever the
server or the page wrote them.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Reader, Readers
from tests.browser.newsdesk import edit, publish, withdraw
from tests.conftest import Server

NEEDLE = "Zephyrine-Quillfeather"
GONE_MS = 20_000
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
def test_what_is_gone_is_gone_from_open_pages(
    readers: Readers, server: Server, kind: str
) -> None:
    """On the page, its title, its metadata and its JSON-LD, within 2 s."""
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
    assert at_desk.page.evaluate(HELD) == []


def test_the_head_follows_its_post_and_feed(readers: Readers, server: Server) -> None:
    """An edit and a change of the feed show in the title, metadata and JSON-LD."""
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


def test_changes_before_the_script_ran(readers: Readers, server: Server) -> None:
    """What the element changed first is found by comparing, not missed."""
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
    for route in delayed:
        route.continue_()
    reader.page.wait_for_function(IS_CLEAN, timeout=GONE_MS)
    blog, _ = reader.page.evaluate(LINKED)
    assert [one["headline"] for one in blog["liveBlogUpdate"]] == ["Nobody returns"]
