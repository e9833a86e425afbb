"""What one arrival costs a widget that holds a thousand posts, in three engines.

    python -m tests.bench.arrival_by_engine [--posts 1000] [--arrivals 20] [--json]

`many_posts` reads Chromium's own account; Firefox and WebKit give none. Here every
callback that the page hands to the browser is timed instead: messages, frames, timers
and observers; and apart, as Chromium does, the style and layout that scripts ask for,
which each frame needs once anyway. It fails where one arrival's script is over the
limit. The clock of a page ticks once per millisecond, and each call is rounded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.bench.spread_of_costs import print_spreads, spread_of
from tests.browser.engines import ENGINES, Engine, an_engine, missing, until
from tests.browser.host import Host
from tests.browser.newsdesk import filled, publish
from tests.conftest import Server, started

LIMIT_MS = 30.0
"""Of script, for any arrival, in every engine."""

SETTLED_S = 0.8
"""After which nothing that an arrival began is left to do: slides take 0.24 s."""

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>News</title>
<script src="/timed.js"></script><script async src="{hub}/stop-press.js"></script>
<stop-press feed="{feed}"></stop-press>
"""

TIMED = """window.spent = { script: 0, layout: 0 };
const timed = (call, kind) => function (...given) {
    const { layout } = spent;
    const before = performance.now();
    try {
        return call.apply(this, given);
    } finally {
        const ms = performance.now() - before;
        spent[kind] += kind === "layout" ? ms : ms - (spent.layout - layout);
    }
};
for (const name of ["requestAnimationFrame", "setTimeout", "setInterval"]) {
    const own = window[name];
    window[name] = (callback, ...given) =>
        own.call(window, timed(callback, "script"), ...given);
}
for (const name of ["IntersectionObserver", "ResizeObserver", "MutationObserver"]) {
    window[name] = class extends window[name] {
        constructor(callback, ...given) {
            super(timed(callback, "script"), ...given);
        }
    };
}
for (const [owner, name] of [
    [Element.prototype, "getBoundingClientRect"],
    [Element.prototype, "scrollBy"],
    [window, "scrollBy"],
    [window, "getComputedStyle"],
]) owner[name] = timed(owner[name], "layout");
const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
Object.defineProperty(WebSocket.prototype, "onmessage", {
    set(callback) {
        set.call(this, callback && timed(callback, "script"));
    },
});
"""

ROOT = "document.querySelector('stop-press').shadowRoot"
READY = f"{ROOT}?.querySelector('.sp-more')?.hidden === false"
"""The link to older posts comes once the first are drawn."""
HOLD = f"""(async (posts) => {{
    const list = {ROOT}.querySelector(".sp-posts");
    const more = {ROOT}.querySelector(".sp-more");
    while (list.children.length < posts && !more.hidden) {{
        const before = list.children.length;
        more.firstElementChild.click();
        while (list.children.length === before) {{
            await new Promise((go) => setTimeout(go, 5));
        }}
    }}
    scrollTo(0, 0);
    return list.children.length;
}})"""


def arrivals_in(
    engine: Engine, server: Server, feed: str, count: int
) -> list[dict[str, float]]:
    """The milliseconds of script and layout of each arrival."""
    spent = []
    for n in range(count):
        engine.run("window.spent = { script: 0, layout: 0 }")
        made = publish(server, feed, f"news {n}")
        # Nothing is asked of the page meanwhile.
        time.sleep(SETTLED_S)
        spent.append(engine.run("window.spent"))
        assert engine.run(f"!!{ROOT}.getElementById('post-{made['id']}')")
    return spent


def measured(name: str, posts: int, arrivals: int) -> list[dict[str, float]]:
    """The same, in an engine with a page of so many posts."""
    with (
        tempfile.TemporaryDirectory(prefix="stop-press-") as folder,
        started(Path(folder) / "data") as server,
        closing(Host(server.url)) as host,
        an_engine(name, Path(folder)) as engine,
    ):
        feed = filled(server, posts)
        host.pages["/"] = PAGE.format(hub=server.url, feed=feed)
        host.pages["/timed.js"] = TIMED
        engine.open(f"{host.url}/")
        until(engine, READY)
        held = engine.run(f"{HOLD}({posts})")
        assert held == posts, f"{held} posts of {posts} are in the page"
        return arrivals_in(engine, server, feed, arrivals)


def main() -> None:
    """Measure the engines, print, and fail where one is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=1000)
    parser.add_argument("--arrivals", type=int, default=20)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {}
    for name in given.engines:
        if why := missing(name):
            raise SystemExit(why)
        costs = measured(name, given.posts, given.arrivals)
        for kind in ("script", "layout"):
            found[f"{name} {kind}"] = spread_of([one[kind] for one in costs])
    print_spreads(found, as_json=given.json)
    raise SystemExit(
        any(found[f"{name} script"]["worst"] > LIMIT_MS for name in given.engines)
    )


if __name__ == "__main__":
    main()
