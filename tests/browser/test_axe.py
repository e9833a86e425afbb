"""No violation of the accessibility rules that a machine can check (axe-core)."""

from __future__ import annotations

from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]

from tests.browser.conftest import Readers
from tests.browser.newsdesk import publish
from tests.conftest import Server


def everything(server: Server, **fields: Any) -> str:
    """A feed with every kind of post."""
    given = {
        "standfirst": "What it is about.",
        "summary": "- one\n- two",
        "links": [{"title": "More", "url": "https://a.example/"}],
        **fields,
    }
    feed = server.new_feed(**given)
    media = [
        {"type": "image", "url": "/demo/p.svg", "alt": "A bridge", "caption": "Night"},
        {"type": "quote", "text": "So it goes", "credit": "A baker"},
        {"type": "link", "url": "https://a.example/x", "title": "A page"},
        {"type": "embed", "url": "https://v.example/1", "provider": "Videos"},
    ]
    for n in range(2 if fields else 22):
        publish(server, feed, f"Post {n}")
    publish(
        server,
        feed,
        "All at once",
        key=True,
        breaking=True,
        pinned=True,
        tags=["a", "b"],
        authors=[{"name": "Ines", "url": "https://a.example/i"}],
        source={"name": "S", "url": "https://a.example/s"},
        media=media,
        body="# Head\n\n> Quote\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`code`",
    )
    return feed


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/live/{feed}", {}),
        ("/live/{feed}", {"language": "ar", "direction": "rtl"}),
        ("/live/{feed}", {"status": "closed"}),
        ("/embed/{feed}", {"status": "upcoming"}),
        ("/", {}),
        ("/live/no-such-feed", {}),
    ],
)
def test_axe_finds_no_violation(
    readers: Readers, server: Server, scheme: str, path: str, fields: dict[str, Any]
) -> None:
    """Page, frame, list and refusal; both directions, both colour schemes."""
    feed = everything(server, **fields)
    reader = readers(color_scheme=scheme, reduced_motion="reduce")
    reader.page.goto(server.url + path.format(feed=feed))
    if "{feed}" in path:
        reader.page.wait_for_selector(".sp-line[data-line]")
    found = Axe().run(reader.page)["violations"]
    assert not found, [
        (one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found
    ]
