"""A tab that was hidden for an hour, on a machine that slept and changed networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.network import Network
from tests.browser.newsdesk import edit, publish, withdraw
from tests.browser.tabs import Browser, a_browser
from tests.conftest import Server

HEADLINES = """JSON.stringify([
    ...document.querySelectorAll(".sp-posts .sp-headline")
].map((one) => one.textContent))"""
LIVE = "document.querySelector('.sp-line')?.dataset.line === 'live'"

# What is said, and each article put in.
WATCH = """
    window.said = [];
    window.came = [];
    const watch = (name, seen) => new MutationObserver(seen)
        .observe(document.querySelector(name), { childList: true });
    watch(".sp-says", ([{ target }]) => said.push(target.textContent));
    watch(".sp-posts", (changes) => {
        for (const { addedNodes } of changes)
            for (const one of addedNodes) came.push(one.dataset.id);
    });
    0
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser whose tabs can be hidden."""
    with a_browser(tmp_path / "profile") as made:
        yield made


def test_a_page_is_complete_after_an_hour_asleep(
    browser: Browser, network: Network, server: Server
) -> None:
    """On three networks: in order, announced once; nothing is drawn twice."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in (1, 2, 3)]
    tab = browser.tab()
    tab.open(f"{network.url}/live/{feed}")
    tab.until(LIVE)
    tab.run(WATCH)
    browser.tab()
    assert tab.run("document.hidden") is True

    # Silent: the socket is dead, and nobody told it.
    network.fall_silent()
    posts.append(publish(server, feed, "4"))
    posts.append(publish(server, feed, "5"))
    tab.sleep(20)
    tab.wake()
    tab.hear(online=False)
    tab.hear(online=True)
    tab.until("document.title.startsWith('(2) ')")

    # Away for a while.
    network.go(away=True)
    tab.hear(online=False)
    posts.append(publish(server, feed, "6"))
    edit(server, feed, posts[3], headline="Four")
    withdraw(server, feed, posts[1])
    tab.sleep(20)
    tab.wake()
    network.go(away=False)
    tab.hear(online=True)
    tab.until("document.title.startsWith('(3) ')")

    # Cut, and nothing heard of it before the reader is back.
    tab.sleep(20)
    network.cut()
    publish(server, feed, "7")
    publish(server, feed, "8")
    assert tab.run("said.length + came.length") == 0
    tab.wake()
    tab.show()
    expected = '["8","7","6","5","Four","3","1"]'
    tab.until(f"{HEADLINES} === '{expected}'")
    tab.until("said.length")
    assert tab.run("said") == ["5 new updates"]
    assert tab.run("new Set(came).size === came.length && came.length") == 5
    tab.until("document.querySelectorAll('.sp-since').length === 1")
    assert not tab.run("document.title").startswith("(")
    tab.until(LIVE)


def test_a_page_opened_behind_another_tab_marks_what_is_new(
    browser: Browser, server: Server
) -> None:
    """Its second script comes while it is hidden, and hears of no change of that."""
    feed = server.new_feed()
    for n in (1, 2):
        publish(server, feed, str(n))
    tab = browser.tab()
    browser.tab()
    tab.open(f"{server.url}/live/{feed}")
    tab.until(LIVE)
    assert tab.run("document.hidden") is True
    publish(server, feed, "3")
    tab.until("document.title.startsWith('(1) ')")
    tab.show()
    tab.until("document.querySelectorAll('.sp-since').length === 1")
    below = "document.querySelector('.sp-since').closest('article')"
    assert tab.run(f"{below}.querySelector('.sp-headline').textContent") == "2"


def test_posts_before_and_after_the_return_are_announced_together(
    browser: Browser, network: Network, server: Server
) -> None:
    """A tab in view before its network is back announces all of them once."""
    feed = server.new_feed()
    for n in (1, 2):
        publish(server, feed, str(n))
    tab = browser.tab()
    tab.open(f"{network.url}/live/{feed}")
    tab.until(LIVE)
    tab.run(WATCH)
    browser.tab()
    publish(server, feed, "3")
    tab.until("document.title.startsWith('(1) ')")
    network.go(away=True)
    publish(server, feed, "4")
    tab.sleep(10)
    tab.wake()
    tab.show()
    tab.until(f"""{HEADLINES} === '["3","2","1"]'""")
    # Longer than an announcement takes.
    tab.run("new Promise((go) => setTimeout(go, 2500))")
    assert tab.run("said.length") == 0
    network.go(away=False)
    tab.hear(online=False)
    tab.hear(online=True)
    tab.until(f"""{HEADLINES} === '["4","3","2","1"]'""")
    tab.until("said.length")
    assert tab.run("said") == ["2 new updates"]
