"""A feed's page in a real Chromium over a real server: what a reader can rely on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from playwright.sync_api import expect

from tests.browser.conftest import Reader, Readers
from tests.browser.network import Network
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server


def test_the_page_is_readable_without_javascript(
    readers: Readers, server: Server
) -> None:
    """Texts, times, and links to the older posts."""
    feed = filled(server, 25, standfirst="What it is about.")
    reader = readers(java_script_enabled=False)
    reader.page.goto(f"{server.url}/live/{feed}")
    assert reader.headlines() == names(25, 6)
    expect(reader.page.get_by_text("Text of 25.")).to_be_visible()
    expect(reader.page.get_by_text("What it is about.")).to_be_visible()
    # The one that needs no script.
    expect(reader.page.get_by_role("button")).to_have_text(["Go"])
    reader.page.get_by_role("link", name="Older posts").click()
    assert reader.headlines() == names(5, 1)
    reader.page.get_by_role("link", name="Newest posts").click()
    assert reader.headlines() == names(25, 6)


def test_starting_the_script_shifts_nothing(reader: Reader, server: Server) -> None:
    """The server's nodes stay; no layout shift is measured."""
    feed = filled(server, 5)
    reader.page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            window.before = [...document.querySelectorAll(".sp-head *, .sp-posts *")];
            window.changed = 0;
            new MutationObserver((all) => (window.changed += all.length)).observe(
                document.querySelector(".sp-posts"), { childList: true });
        });
        window.shift = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    reader.open(f"{server.url}/live/{feed}")
    reader.page.evaluate("() => new Promise(requestAnimationFrame)")
    gone = reader.page.evaluate("before.filter((one) => !one.isConnected).length")
    assert gone == 0
    assert reader.page.evaluate("changed") == 0
    assert reader.page.evaluate("shift") == 0
    assert reader.complaints == []


def test_changes_arrive_in_place(reader: Reader, server: Server) -> None:
    """Published, edited, pinned, withdrawn, and the feed itself."""
    feed = filled(server, 2)
    reader.open(f"{server.url}/live/{feed}")
    third = publish(server, feed, "3")
    reader.shows("3", "2", "1")
    handle = reader.page.locator(f"#post-{third['id']}").element_handle()
    third = edit(server, feed, third, headline="Three", key=True)
    reader.shows("Three", "2", "1")
    assert handle.evaluate("one => one.isConnected"), "the article is patched"
    expect(reader.page.locator(".sp-posts .sp-key")).to_have_text("Key moment")
    third = edit(server, feed, third, pinned=True)
    pinned = reader.page.locator(".sp-pinned .sp-headline")
    expect(pinned).to_have_text("Three")
    withdraw(server, feed, third)
    reader.shows("2", "1")
    expect(pinned).to_have_count(0)
    change = {"title": "Another title", "standfirst": "New words", "status": "paused"}
    assert server.request("PATCH", f"/v1/feeds/{feed}", change).status_code == 200
    expect(reader.page.locator("h1")).to_have_text("Another title")
    expect(reader.page.locator(".sp-standfirst")).to_have_text("New words")
    expect(reader.page.locator(".sp-badge")).to_have_text("Paused")
    assert reader.complaints == []


def test_certainty_is_shown_if_the_feed_enables_it(
    reader: Reader, server: Server
) -> None:
    """Turned on and off under an open page, for earlier posts too."""
    feed = server.new_feed()
    publish(server, feed, "1", verification="single")
    publish(server, feed, "2", key=True, verification="disputed", pinned=True)
    reader.open(f"{server.url}/live/{feed}")
    reader.shows("2", "1")
    marks = reader.page.locator(".sp-posts .sp-verification")
    expect(marks).to_have_count(0)
    on = {"show_verification": True}
    assert server.request("PATCH", f"/v1/feeds/{feed}", on).status_code == 200
    expect(marks).to_have_text(["Disputed", "One source"])
    expect(reader.page.locator(".sp-pinned .sp-verification")).to_have_text("Disputed")
    third = publish(server, feed, "3", verification="single")
    expect(marks).to_have_text(["One source", "Disputed", "One source"])
    edit(server, feed, third, verification="confirmed")
    expect(marks).to_have_text(["Confirmed", "Disputed", "One source"])
    off = {"show_verification": False}
    assert server.request("PATCH", f"/v1/feeds/{feed}", off).status_code == 200
    expect(marks).to_have_count(0)
    reader.shows("3", "2", "1")
    assert reader.complaints == []


def test_a_post_with_an_earlier_time_is_sorted_in(
    reader: Reader, server: Server
) -> None:
    """Also into another day, which gets its heading."""
    feed = server.new_feed()
    publish(server, feed, "now")
    reader.open(f"{server.url}/live/{feed}")
    publish(server, feed, "long ago", published_at="2020-02-29T12:00:00Z")
    publish(server, feed, "later", published_at="2020-03-01T12:00:00Z")
    reader.shows("now", "later", "long ago")
    days = reader.page.locator(".sp-posts .sp-day").all_inner_texts()
    assert days[1:] == ["Sunday 1 March 2020", "Saturday 29 February 2020"]


def test_an_edit_keeps_playing_media(reader: Reader, server: Server) -> None:
    """A loaded embed stays the same node while its post is edited."""
    feed = server.new_feed()
    media = [{"type": "embed", "url": f"{server.url}/", "provider": "Us"}]
    post = publish(server, feed, "1", media=media)
    reader.open(f"{server.url}/live/{feed}")
    expect(reader.page.locator("iframe")).to_have_count(0)
    reader.page.locator(".sp-embed a").click()
    frame = reader.page.locator(".sp-posts iframe").element_handle()
    edit(server, feed, post, headline="One", body="Other words.")
    reader.shows("One")
    assert frame.evaluate("one => one.isConnected")


def test_older_posts_are_added_below(reader: Reader, server: Server) -> None:
    """Without leaving the page; focus moves to the first of them."""
    feed = filled(server, 45)
    reader.open(f"{server.url}/live/{feed}")
    more = reader.page.get_by_role("link", name="Older posts")
    more.click()
    reader.shows(*names(45, 6))
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("25")
    more.click()
    reader.shows(*names(45, 1))
    expect(more).to_be_hidden()
    assert reader.complaints == []


def test_page_keys_move_between_posts(reader: Reader, server: Server) -> None:
    """Page Down and Page Up, as in the ARIA feed pattern."""
    feed = filled(server, 3)
    reader.open(f"{server.url}/live/{feed}")
    reader.page.locator(".sp-posts article").first.focus()
    reader.page.keyboard.press("PageDown")
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("2")
    reader.page.keyboard.press("PageUp")
    expect(reader.page.locator(":focus .sp-headline")).to_have_text("3")
    positions = reader.page.locator(".sp-posts article").evaluate_all(
        "all => all.map((one) => one.ariaPosInSet + '/' + one.ariaSetSize)"
    )
    assert positions == ["1/3", "2/3", "3/3"]


def test_a_permalink_page_is_live(reader: Reader, server: Server) -> None:
    """Edits and withdrawals arrive; new posts are counted and linked."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 5)]
    reader.open(f"{server.url}/live/{feed}/{posts[2]['id']}")
    reader.shows("3", "2", "1")
    expect(reader.page.locator("[aria-current] .sp-headline")).to_have_text("3")
    edit(server, feed, posts[2], headline="Three")
    withdraw(server, feed, posts[0])
    reader.shows("Three", "2")
    publish(server, feed, "5")
    reader.page.get_by_role("button", name="1 new update").click()
    reader.page.wait_for_url(f"{server.url}/live/{feed}")
    reader.shows("5", "4", "Three", "2")


def test_all_requests_go_to_the_hub(reader: Reader, server: Server) -> None:
    """No third party is contacted."""
    feed = filled(server, 2)
    hosts: set[str] = set()
    reader.page.on("request", lambda one: hosts.add(one.url.split("/")[2]))
    reader.open(f"{server.url}/live/{feed}")
    assert hosts <= {server.url.split("/")[2], ""}, hosts


def test_an_edit_shows_its_time(reader: Reader, server: Server) -> None:
    """A pin or a mark is not an update; a changed text is."""
    feed = server.new_feed()
    post = publish(server, feed, "1", published_at="2026-01-01T00:00:00Z")
    reader.open(f"{server.url}/live/{feed}")
    post = edit(server, feed, post, pinned=True, key=True, tags=["t"])
    expect(reader.page.locator(".sp-pinned .sp-headline")).to_have_text("1")
    expect(reader.page.locator(".sp-updated")).to_have_count(0)
    edit(server, feed, post, body="Other words.")
    expect(reader.page.locator(".sp-posts .sp-updated")).to_have_count(1)
    reader.page.reload()
    expect(reader.page.locator(".sp-posts .sp-updated")).to_have_count(1)


def test_an_upcoming_feed_counts_down(readers: Readers, server: Server) -> None:
    """The time is text without a script; the script counts down until the start."""
    start = datetime.now(UTC) + timedelta(days=3, minutes=-1)
    at = start.isoformat(timespec="seconds")
    feed = server.new_feed(status="upcoming", coverage_start=at)
    bare = readers(java_script_enabled=False)
    bare.page.goto(f"{server.url}/live/{feed}")
    expect(bare.page.locator(".sp-status time")).to_contain_text(
        start.strftime("%H:%M")
    )
    expect(bare.page.get_by_text("Coverage has not begun.")).to_be_visible()
    reader = readers()
    reader.open(f"{server.url}/live/{feed}")
    expect(reader.page.locator(".sp-until")).to_have_text("in 3 days")
    for minutes, told in ((150, "in 3 hours"), (90, "in 90 minutes")):
        soon = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        server.request("PATCH", f"/v1/feeds/{feed}", {"coverage_start": soon})
        expect(reader.page.locator(".sp-until")).to_have_text(told)
    server.request("PATCH", f"/v1/feeds/{feed}", {"coverage_start": None})
    status = reader.page.locator(".sp-status")
    expect(status).to_contain_text("Coverage begins soon.")
    server.request("PATCH", f"/v1/feeds/{feed}", {"status": "paused"})
    expect(status).to_contain_text("A pause: coverage goes on later.")
    server.request("PATCH", f"/v1/feeds/{feed}", {"status": "closed"})
    expect(status.locator("time")).to_be_visible()
    expect(reader.page.locator(".sp-line")).to_have_text("Coverage has ended")
    assert reader.complaints == []


def test_another_language_redraws_all_posts(reader: Reader, server: Server) -> None:
    """Also posts from the server's HTML, known only by their place."""
    feed = filled(server, 3)
    reader.open(f"{server.url}/live/{feed}")
    publish(server, feed, "4")
    reader.shows(*names(4, 1))
    server.request("PATCH", f"/v1/feeds/{feed}", {"language": "de"})
    page = reader.page
    expect(page.locator(".sp-posts .sp-share")).to_have_text(["Teilen"] * 4)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    reader.shows(*names(4, 1))
    texts = page.locator(".sp-posts .sp-body")
    expect(texts).to_contain_text([f"{n}" for n in (4, 3, 2, 1)])
    assert reader.complaints == []


def test_relative_times_in_view_are_updated(
    reader: Reader, network: Network, server: Server
) -> None:
    """While in view, and on coming into view."""
    feed = server.new_feed()
    for n in range(1, 16):
        publish(server, feed, f"{n}", body="Words.\n\n" * 10)
    reader.page.clock.install()
    reader.open(f"{network.url}/live/{feed}")
    ago = reader.page.locator(".sp-posts .sp-ago")
    expect(ago.first).to_have_text("now")
    # Who connects again hears the server's time, which is still "now".
    network.go(away=True)
    reader.page.clock.run_for("05:30")
    expect(ago.first).to_have_text("5 min. ago")
    expect(ago.last).to_have_text("now")
    ago.last.scroll_into_view_if_needed()
    expect(ago.last).to_have_text("5 min. ago")


def test_a_post_is_shared(readers: Readers, server: Server) -> None:
    """By the system's dialog; else by a copied address, or the configured places."""
    feed = server.new_feed()
    post = publish(server, feed, "1")
    reader = readers(permissions=["clipboard-read", "clipboard-write"])
    reader.page.add_init_script("delete Navigator.prototype.share")
    reader.open(f"{server.url}/live/{feed}")
    reader.page.get_by_role("link", name="Share").click()
    mail = reader.page.locator(".sp-share").get_by_role("link", name="E-mail")
    at = quote(post["url"], safe="")
    expect(mail).to_have_attribute("href", f"mailto:?body={at}")
    expect(reader.page.locator(":focus")).to_have_text("Copy link")
    # An edit leaves the list open, and the focus in it.
    edit(server, feed, post, tags=["river"], body="Edited.")
    expect(reader.page.locator(".sp-tags")).to_have_text("river")
    expect(reader.page.locator(":focus")).to_have_text("Copy link")
    expect(mail).to_be_visible()
    reader.page.keyboard.press("Enter")
    expect(reader.page.locator(".sp-says")).to_have_text("Link copied")
    assert reader.page.evaluate("navigator.clipboard.readText()") == post["url"]
    own = readers()
    own.page.add_init_script(
        "navigator.share = async (what) => { window.told = what; }"
    )
    own.open(f"{server.url}/live/{feed}")
    own.page.get_by_role("link", name="Share").click()
    assert own.page.evaluate("told") == {"url": post["url"]}
    change = {"share": ["x", "link", "bluesky"]}
    server.request("PATCH", f"/v1/feeds/{feed}", {**change, "title": "Shared"})
    expect(reader.page.locator("h1")).to_have_text("Shared")
    publish(server, feed, "2")
    reader.page.get_by_role("link", name="Share").click()
    places = reader.page.locator(".sp-share").first.get_by_role("link")
    expect(places).to_have_text(["X", "Bluesky"])
    server.request("PATCH", f"/v1/feeds/{feed}", {"share": []})
    bare = readers(java_script_enabled=False)
    bare.page.goto(post["url"])
    link = bare.page.locator(".share").get_by_role("link", name="E-mail")
    expect(link).to_have_attribute("href", f"mailto:?body={at}")
    assert reader.complaints == own.complaints == []


def test_the_lines_of_a_table_are_whole(reader: Reader, server: Server) -> None:
    """Cells touch, and the first begins where the text does."""
    feed = server.new_feed()
    publish(server, feed, "Levels", body="Text.\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    reader.open(f"{server.url}/live/{feed}")
    cells = reader.page.locator(".sp-body td").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(it => [it.x, it.right])"
    )
    text = reader.page.locator(".sp-body p").evaluate(
        "one => one.getBoundingClientRect().x"
    )
    assert abs(cells[0][0] - text) < 1
    assert abs(cells[0][1] - cells[1][0]) < 1
