"""Every kind of reader's page by Lighthouse, as on a phone: `make lighthouse`.

Three runs per page, of which the median counts. Performance is a matter of the machine
too: the test wants it idle. The other three scores are not.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM
from tests.browser.host import Host
from tests.conftest import Server
from tests.foreign.test_markup import POST

CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
RUNS = 3
LEAST = 100
FLAGS = "--headless=new --no-sandbox --disable-background-networking"
HOST_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="description" content="A page of another site.">
<title>News</title><h1>News</h1>
<script async src="{hub}/stop-press.js"></script>
<stop-press feed="{feed}"><a href="{hub}/live/{feed}">Read it all live</a></stop-press>
"""
SKIPPED = {"embed": "is-crawlable", "widget": "robots-txt"}
"""A frame is not for search engines, and says so; the other site's policy lets its page
ask the hub alone, not for its own robots.txt."""
PATHS = {
    "page": "/live/{feed}",
    "embed": "/embed/{feed}",
    "permalink": "/live/{feed}/{post}",
    "index": "/",
    "arabic": "/live/{arabic}",
}

pytestmark = pytest.mark.skipif(
    "LIGHTHOUSE" not in os.environ, reason="make lighthouse"
)


@pytest.fixture(scope="module")
def named(server: Server) -> dict[str, str]:
    """The feeds, and one post, that pages are about."""
    feed = server.new_feed(
        standfirst="What it is about.\nAnd more.", summary="- one\n- two"
    )
    arabic = server.new_feed(language="ar", direction="rtl", title="مباشر من الميناء")
    for n in range(22):
        rich = POST if n % 7 == 0 else {"body": "Words that fill a line. " * 9}
        text = {key: value for key, value in rich.items() if key != "media"}
        made = server.publish(feed, **text, key=n % 6 == 0, headline=f"Post {n}")
        server.publish(arabic, "خبر عاجل من الميناء. " * 8, headline=f"عاجل {n}")
    post: str = made["post"]["id"]
    return {"feed": feed, "arabic": arabic, "post": post}


@pytest.fixture
def host(server: Server) -> Iterator[Host]:
    """Another site, which embeds the widget."""
    site = Host(server.url)
    yield site
    site.close()


def audited(name: str, url: str, folder: Path) -> dict[str, Any]:
    """Lighthouse's report on a page."""
    report = folder / "report.json"
    subprocess.run(
        [
            os.environ["LIGHTHOUSE"],
            url,
            "--quiet",
            "--output=json",
            f"--output-path={report}",
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags={FLAGS}",
            *([f"--skip-audits={SKIPPED[name]}"] if name in SKIPPED else []),
        ],
        env={**os.environ, "CHROME_PATH": CHROMIUM},
        check=True,
        timeout=300,
    )
    read: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return read


def lacking(report: dict[str, Any]) -> list[str]:
    """What costs points: audits by name, with their scores."""
    audits = report["audits"]
    return [
        f"{name}: {audits[one['id']]['id']} {audits[one['id']]['score']}"
        for name, category in report["categories"].items()
        for one in category["auditRefs"]
        if one["weight"] and (audits[one["id"]]["score"] or 0) < 1
        if audits[one["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual")
    ]


@pytest.mark.parametrize("name", [*PATHS, "widget"])
def test_every_page_has_full_scores(
    named: dict[str, str], server: Server, host: Host, tmp_path: Path, name: str
) -> None:
    """Performance, accessibility, best practices and SEO."""
    if name == "widget":
        host.pages["/"] = HOST_PAGE.format(hub=server.url, feed=named["feed"])
        host.pages |= {"/favicon.ico": "<svg/>", "/robots.txt": "User-agent: *"}
        url = f"{host.url}/"
    else:
        url = server.url + PATHS[name].format(**named)
    reports = [audited(name, url, tmp_path) for _ in range(RUNS)]
    scores = {
        category: round(
            100
            * statistics.median(one["categories"][category]["score"] for one in reports)
        )
        for category in CATEGORIES
    }
    told = scores, lacking(reports[-1])
    print(name, *told)  # noqa: T201
    assert min(scores.values()) >= LEAST, told
