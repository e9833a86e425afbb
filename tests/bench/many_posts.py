"""What one arrival costs a page that holds a thousand posts, in a real Chromium.

    python -m tests.bench.many_posts [--posts 1000] [--arrivals 30] [--json]

The reader loads every older page, then stands at the top, where news is put in at
once. Chromium's own account (`Performance.getMetrics`) is read before and after each
arrival: script, style, layout, and the whole of the main thread's tasks. It fails where
one takes more script than a frame's time, the first one too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.bench.spread_of_costs import print_spreads, spread_of
from tests.browser.conftest import CHROMIUM
from tests.browser.newsdesk import filled, publish
from tests.conftest import started

LIMIT_MS = 16.0
"""Of script, for any arrival: one frame at 60 a second."""

COSTS = {
    "script": "ScriptDuration",
    "style": "RecalcStyleDuration",
    "layout": "LayoutDuration",
    "tasks": "TaskDuration",
}


def holding(page: Page, posts: int) -> None:
    """Load older pages until all posts are there, and go back to the top."""
    page.evaluate(
        """async (posts) => {
            const list = document.querySelector(".sp-posts");
            const more = document.querySelector(".sp-more");
            while (list.children.length < posts && !more.hidden) {
                const before = list.children.length;
                more.firstElementChild.click();
                while (list.children.length === before) {
                    await new Promise((go) => setTimeout(go, 5));
                }
            }
            scrollTo(0, 0);
        }""",
        posts,
    )
    held = page.locator(".sp-posts > article").count()
    assert held == posts, f"{held} posts of {posts} are in the page"


def account(cdp: CDPSession) -> dict[str, float]:
    """What the page has cost until now, in ms."""
    told = cdp.send("Performance.getMetrics")["metrics"]
    by_name = {one["name"]: one["value"] for one in told}
    return {name: by_name[metric] * 1000 for name, metric in COSTS.items()}


@contextmanager
def a_page() -> Iterator[Page]:
    """A tab that is looked at."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],
        )
        yield browser.new_page()
        browser.close()


def measured(posts: int, arrivals: int) -> list[dict[str, float]]:
    """The costs of each arrival."""
    costs = []
    with (
        tempfile.TemporaryDirectory(prefix="stop-press-") as folder,
        started(Path(folder) / "data") as server,
        a_page() as page,
    ):
        feed = filled(server, posts)
        page.goto(f"{server.url}/live/{feed}")
        page.wait_for_selector('.sp-line[data-line="live"]')
        holding(page, posts)
        cdp = page.context.new_cdp_session(page)
        cdp.send("Performance.enable")
        for n in range(arrivals):
            page.wait_for_timeout(300)
            before = account(cdp)
            made = publish(server, feed, f"news {n}")
            # Nothing is asked of the page meanwhile: that would be its script, too.
            page.wait_for_timeout(700)
            after = account(cdp)
            assert page.locator(f"#post-{made['id']}").count() == 1
            costs.append({name: after[name] - before[name] for name in COSTS})
    return costs


def main() -> None:
    """Measure, print, and fail where an arrival takes longer than a frame."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--arrivals", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    costs = measured(given.posts, given.arrivals)
    found = {}
    for name in COSTS:
        found[name] = spread_of([one[name] for one in costs])
    print_spreads(found, as_json=given.json)
    raise SystemExit(found["script"]["worst"] > LIMIT_MS)


if __name__ == "__main__":
    main()
