"""What readers see in Chromium, Firefox and WebKit: one session of each for all of it.

What is read never moves, wherever a feed is shown; news comes by whichever transport is
left; what was left by going back is complete on return.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.engines import ENGINES, Engine, an_engine, missing, until
from tests.browser.host import Host
from tests.browser.network import SocketlessNetwork
from tests.browser.newsdesk import edit, filled, names, publish, withdraw
from tests.conftest import Server

WIDGET = """<!doctype html><html lang="en"><meta charset="utf-8"><title>News</title>
<header>The News</header><main><h1>News</h1>
<script async src="{hub}/stop-press.js"></script>
<stop-press feed="{feed}"></stop-press><p>The end</p></main>
"""
FRAME = """<!doctype html><html lang="en"><meta charset="utf-8"><title>News</title>
<header>The News</header><main><h1>News</h1>
<iframe src="{hub}/embed/{feed}?parent={host}" width="600" height="400"></iframe>
<p>The end</p></main><script src="/fit.js"></script>
"""
FIT = """addEventListener("message", ({ data }) => {
    const frame = document.querySelector("iframe");
    if (data.type === "stoppress:height") frame.style.height = `${data.height}px`;
});
"""
SCENES = ("page", "widget", "sticky header", "app shell", "tall frame")
STYLES = {
    "sticky header": {
        "header": "position: sticky; top: 0; z-index: 9; height: 90px; background: tan",
        "stop-press": "--sp-top: 90px",
    },
    "app shell": {
        "html": "height: 100%; overflow: hidden",
        "body": "height: 100%; margin: 0; display: flex; flex-direction: column",
        "main": "flex: 1; overflow: auto; min-height: 0",
    },
    "tall frame": {"main": "padding-top: 500px"},
}

ROOT = "(document.querySelector('stop-press')?.shadowRoot ?? document)"
LIVE = f"{ROOT}.querySelector('.sp-line')?.dataset.line === 'live'"
COMPLETE = f"{LIVE} && !{ROOT}.querySelector('.sp-pause').hidden"
"""With its second script, whose button it shows."""
HEADLINES = f"""[...{ROOT}.querySelectorAll(".sp-posts .sp-headline")]
    .map((one) => one.textContent)"""
FRAMES = """(async () => {
    for (let n = 0; n < 4; n += 1) await new Promise(requestAnimationFrame);
})()"""
WATCH = """(() => {
    const eye = %s;
    const first = eye.getBoundingClientRect().top;
    let most = 0;
    const { dataset } = document.documentElement;
    dataset.moved = 0;
    (function look() {
        most = Math.max(most, Math.abs(eye.getBoundingClientRect().top - first));
        dataset.moved = most;
        requestAnimationFrame(look);
    })();
    return first;
})()"""
MOVED = "Number(document.documentElement.dataset.moved)"


PHONE = {
    ".site": "padding: 0.9rem 1rem 0",
    "main": "box-sizing: border-box; width: 390px; padding: 1rem",
}
"""What a page is on a screen of 390 pixels: no window of WebKit is so narrow."""
WIDE_SERIF = {".sp": "--serif: 'DejaVu Serif', serif"}

NEWS = f"{ROOT}.querySelector('.sp-new').textContent"
FRAME_TOP = "document.querySelector('iframe').getBoundingClientRect().top"


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A browser of each kind that is installed."""
    if why := missing(request.param):
        pytest.skip(why)
    with an_engine(request.param, tmp_path_factory.mktemp("engine")) as made:
        yield made


def styled(styles: dict[str, str]) -> str:
    """Sets styles of elements, as a policy that allows no inline style permits."""
    return f"""Object.entries({json.dumps(styles)}).forEach(([name, style]) => {{
        document.querySelector(name).style.cssText = style;
    }})"""


def shown(engine: Engine, scene: str, server: Server, host: Host, feed: str) -> bool:
    """Opens the scene; whether the feed is in a frame."""
    in_frame = scene == "tall frame"
    if scene == "page":
        engine.open(f"{server.url}/live/{feed}")
    else:
        page = FRAME if in_frame else WIDGET
        host.pages["/"] = page.format(hub=server.url, feed=feed, host=host.url)
        host.pages["/fit.js"] = FIT
        engine.open(f"{host.url}/")
    until(engine, COMPLETE, in_frame=in_frame)
    engine.run(styled(STYLES.get(scene, {})))
    return in_frame


@pytest.mark.parametrize("scene", SCENES)
def test_the_text_being_read_keeps_its_place(
    engine: Engine, server: Server, host: Host, scene: str
) -> None:
    """To the pixel, whatever changes above it; queued posts appear on top."""
    feed = server.new_feed()
    posts = [publish(server, feed, str(n)) for n in range(1, 21)]
    in_frame = shown(engine, scene, server, host, feed)
    article = f"{ROOT}.querySelectorAll('.sp-posts > article')[10]"
    until(engine, f"!!{article}", in_frame=in_frame)
    if in_frame:
        # The frame is as tall as what is in it: the page around it scrolls.
        until(
            engine,
            "innerHeight === document.documentElement.offsetHeight",
            in_frame=True,
        )
        top = engine.run(f"{article}.getBoundingClientRect().top - 100", in_frame=True)
        engine.run(f"scrollTo(0, scrollY + {top} + {FRAME_TOP})")
    else:
        engine.run(
            f"{ROOT}.querySelectorAll('.sp-posts > article')[9].scrollIntoView()"
        )
    engine.run(FRAMES)
    engine.run(WATCH % article, in_frame=in_frame)
    if in_frame:
        engine.run(WATCH % "document.querySelector('iframe')")

    def is_at(rev: str, post: dict[str, Any]) -> None:
        selector = f".sp-posts > [data-id='{post['id']}']"
        until(
            engine,
            f"{ROOT}.querySelector({json.dumps(selector)})?.dataset.rev == {rev}",
            in_frame=in_frame,
        )
        engine.run(FRAMES, in_frame=in_frame)

    publish(server, feed, "21")
    longer = edit(server, feed, posts[15], body="Words. " * 200)
    is_at("2", longer)
    withdraw(server, feed, posts[16])
    is_at("null", posts[16])
    is_at("3", edit(server, feed, longer, body="Words."))
    change = {
        "standfirst": "What it is about. " * 20,
        "summary": "- one\n- two\n- three",
    }
    server.request("PATCH", f"/v1/feeds/{feed}", change)
    until(engine, f"!!{ROOT}.querySelector('.sp-standfirst')", in_frame=in_frame)
    is_at("4", edit(server, feed, longer | {"rev": 3}, body="Words. " * 300))
    publish(server, feed, "22")
    until(engine, f"/2/.test({NEWS})", in_frame=in_frame)
    engine.run(FRAMES, in_frame=in_frame)
    moved = [engine.run(MOVED, in_frame=in_frame)]
    if in_frame:
        moved.append(engine.run(MOVED))
    assert max(moved) < 0.1, moved
    assert engine.run(HEADLINES, in_frame=in_frame)[0] == "20"
    if scene == "app shell":
        assert engine.run("document.documentElement.scrollHeight <= innerHeight")
    # Back at the top all is there, and no gap is left.
    engine.run("document.querySelector('h1, .sp-title').scrollIntoView()")
    expected = json.dumps(["22", "21", "20", "19", "18", *names(16, 1)])
    until(engine, f"({HEADLINES}).join() === {expected}.join()", in_frame=in_frame)
    room = f"Math.abs(parseFloat({ROOT}.querySelector('.sp-posts').style.marginTop))"
    until(engine, f"!({room} >= 1)", in_frame=in_frame)


def test_the_first_post_begins_on_a_phones_screen(
    engine: Engine, server: Server
) -> None:
    """With the engine's default serif, and with the widest one."""
    feed = server.new_feed(
        title="The Arrel in flood: second wave on its way to Ostermere",
        standfirst="The river is at its highest for more than half a century. "
        "Our reporters are on the wall, in the shelter and at the gauge.",
        summary="- The top of the second wave has passed\n- Pumps are at work",
        image={"url": "/demo/pictures/bridge.svg", "width": 1200, "height": 675},
        show_readers=True,
    )
    for n in range(6):
        publish(server, feed, f"Post {n}", key=n % 3 == 0, pinned=n == 4)
    engine.open(f"{server.url}/live/{feed}")
    until(engine, COMPLETE)
    until(engine, "/1/.test(document.querySelector('.sp-line').textContent)")
    engine.run(styled(PHONE))
    top = "document.querySelector('.sp-posts > article').getBoundingClientRect().top"
    assert 600 < engine.run(top) <= 800
    engine.run(styled(WIDE_SERIF))
    assert 600 < engine.run(top) <= 800


def test_posts_arrive_if_websockets_hang(engine: Engine, server: Server) -> None:
    """By another transport, which the next page uses at once."""
    feed = filled(server, 2)
    network = SocketlessNetwork(server.url)
    try:
        engine.open(f"{network.url}/live/{feed}")
        until(engine, LIVE)
        publish(server, feed, "3")
        until(engine, f"{HEADLINES}[0] === '3'")
        engine.open(f"{network.url}/live/{feed}?key=1")
        until(engine, LIVE)
        assert engine.run("sessionStorage.getItem('stoppress:transport')") == "1"
    finally:
        engine.open("about:blank")
        network.close()


def test_going_back_is_complete(engine: Engine, server: Server, host: Host) -> None:
    """What came meanwhile is there, and the line is live: whether the browser kept the
    page, as Chromium and WebKit do, or loads it anew, as Firefox does for a page with
    an open socket."""
    feed = filled(server, 2)
    host.pages["/"] = WIDGET.format(hub=server.url, feed=feed)
    for url in (f"{server.url}/live/{feed}", f"{host.url}/"):
        engine.open(url)
        until(engine, COMPLETE)
        engine.open(f"{server.url}/")
        made = publish(server, feed, "News")
        engine.go(-1)
        until(engine, f"location.href === {json.dumps(url)} && {LIVE}")
        until(engine, f"{HEADLINES}.join() === 'News,2,1'")
        withdraw(server, feed, made)
        until(engine, f"{HEADLINES}.join() === '2,1'")
        engine.go(1)
        until(engine, f"location.href === {json.dumps(server.url + '/')}")
