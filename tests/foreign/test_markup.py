"""Every kind of page by the Nu HTML checker, as the W3C runs it: `make markup`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Server

POST: dict[str, Any] = {
    "tags": ["river", "lock street"],
    "body": "**Bold** and `code`.\n\n| a | b |\n|:-|-:|\n| 1 | 2 |\n\n4. four\n5. five",
    "authors": [{"name": "Ines Calloway", "url": "https://a.example/i"}],
    "source": {"name": "The Ledger", "url": "https://a.example/l"},
    "location": "Lock Street",
    "media": [
        {"type": "quote", "text": "We have seen worse.", "credit": "A ferryman"},
        {"type": "link", "url": "https://a.example/map", "title": "The map"},
        {"type": "image", "url": "https://a.example/p.jpg", "width": 8, "height": 6},
        {"type": "embed", "url": "https://v.example/1", "width": 640, "height": 360},
    ],
}
FEEDS: dict[str, dict[str, Any]] = {
    "live": {
        "standfirst": "What it is about.\nAnd more.",
        "summary": "- one\n- two",
        "links": [{"title": "Related", "url": "https://a.example/"}],
    },
    "upcoming": {"status": "upcoming", "coverage_start": "2099-01-01T10:00:00Z"},
    "arabic": {"language": "ar", "direction": "rtl", "title": "مباشر"},
}


@pytest.mark.skipif("VNU_JAR" not in os.environ, reason="make markup")
def test_pages_are_valid_html(server: Server, tmp_path: Path) -> None:
    """Pages of feeds, a post's, the index, the frame, the desk and a missing one."""
    feeds = {name: server.new_feed(**fields) for name, fields in FEEDS.items()}
    for n in range(22):
        kinds: dict[str, Any] = {
            "key": n % 4 == 0,
            "breaking": n == 3,
            "pinned": n == 20,
        }
        server.publish(feeds["live"], **POST, **kinds, headline=f"Post {n}")
    post = server.publish(feeds["arabic"], "خبر", headline="عاجل")["post"]["id"]
    live = feeds["live"]
    paths = {
        "index": "/",
        "live": f"/live/{live}",
        "oldest": f"/live/{live}?order=oldest",
        "tag": f"/live/{live}?tag=lock%20street",
        "frame": f"/embed/{live}?parent=https://a.example",
        "upcoming": f"/live/{feeds['upcoming']}",
        "arabic": f"/live/{feeds['arabic']}",
        "post": f"/live/{feeds['arabic']}/{post}",
        "missing": "/live/no-such-feed",
        "desk": "/desk",
    }
    for name, path in paths.items():
        page = httpx.get(server.url + path, follow_redirects=True, trust_env=False)
        (tmp_path / f"{name}.html").write_bytes(page.content)
    checked = subprocess.run(
        ["java", "-jar", os.environ["VNU_JAR"], "--format", "json"]
        + [str(one) for one in sorted(tmp_path.glob("*.html"))],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    messages = json.loads(checked.stderr)["messages"]
    assert [one for one in messages if one["type"] == "error"] == []
