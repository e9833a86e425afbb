"""Export and import: a feed whole, to another place, and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server
from tests.contract.server.asking import events

Lines = list[dict[str, Any]]
_slugs = count(1)


def command(
    server: Server, *arguments: str, stdin: str = "", token: str | None = None
) -> subprocess.CompletedProcess[str]:
    """One command, as the admin or the holder of `token`."""
    named = {"STOPPRESS_URL": server.url, "STOPPRESS_TOKEN": token or server.token}
    return subprocess.run(
        [sys.executable, "-m", "stoppress", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=os.environ | named,
        timeout=60,
    )


def exported(server: Server, feed: str) -> Lines:
    """The lines of an export."""
    done = command(server, "export", feed)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def text(lines: Iterable[dict[str, Any]]) -> str:
    """Lines as a file has them."""
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def imported(server: Server, lines: Iterable[dict[str, Any]]) -> str:
    """The slug of a copy."""
    slug = f"copy-{os.getpid()}-{next(_slugs)}"
    done = command(server, "import", "-", "--as", slug, stdin=text(lines))
    assert done.returncode == 0, done.stderr
    return slug


def news(lines: Lines) -> tuple[Lines, Lines]:
    """What the lines tell, in order, and what was withdrawn; no slug, no cursor."""
    reported = [line for line in lines if "post" in line or "feed" in line]
    for line in reported:
        line.get("feed", {}).pop("slug", None)
    left = [line["withdrawn"] for line in lines if "withdrawn" in line]
    return reported, sorted(left, key=lambda one: str(one["id"]))


@pytest.fixture(scope="module")
def feed(server: Server) -> str:
    """A feed with a past: pins, edits, withdrawals, other times, other tongues."""
    slug = server.new_feed(title="Sel", timezone="Europe/Istanbul", language="tr")
    made = [
        server.publish(
            slug,
            f"Nr **{n}** مرحبا",
            external_id=f"wire-{n}" if n % 2 else None,
            pinned=n in (3, 8),
            published_at=f"20{30 - n:02}-03-01T10:00:00+03:00" if n < 6 else None,
            tags=["a", "b"][: n % 3],
        )["post"]["id"]
        for n in range(130)
    ]
    for gone in (made[5], made[6], made[40]):
        server.request("DELETE", f"/v1/feeds/{slug}/posts/{gone}")
    for name in made[10:13]:
        server.request(
            "PATCH",
            f"/v1/feeds/{slug}/posts/{name}",
            {"headline": "Anew", "correction": {"note": "It was later."}},
            if_match="*",
        )
    server.request("PATCH", f"/v1/feeds/{slug}", {"status": "paused"})
    return slug


def test_an_imported_feed_equals_the_exported_one(server: Server, feed: str) -> None:
    """Pages, snapshot, order, ids, times, revisions, withdrawals; twice."""
    lines = exported(server, feed)
    copy = imported(server, lines)
    again = exported(server, copy)
    assert news(again) == news(lines)
    assert len([line for line in lines if "post" in line]) == 127
    for path in ("", "/posts?limit=100"):
        first = server.request("GET", f"/v1/feeds/{feed}{path}").json()
        second = server.request("GET", f"/v1/feeds/{copy}{path}").json()
        # The log is another, and so is its cursor; nothing else is.
        if "cursor" in first:
            assert first.pop("cursor") != second.pop("cursor")
        assert json.dumps(first) == json.dumps(second).replace(copy, feed)


def test_a_feed_closed_long_ago_is_exported_and_imported(
    server: Server, feed: str
) -> None:
    """Future publishing times included: no post is missing."""
    lines = exported(server, feed)
    for line in lines:
        if "feed" in line:
            line["feed"] |= {"status": "closed", "closed_at": "2026-03-01T10:00:00Z"}
    later = next(line["post"] for line in lines if "post" in line)
    later["published_at"] = "2099-01-01T00:00:00.000Z"
    over = imported(server, lines)
    assert server.request("GET", f"/v1/feeds/{over}/events?wait=0").status_code == 204
    once = exported(server, over)
    assert news(exported(server, imported(server, once))) == news(once)
    assert later in [line.get("post") for line in once]
    (closed,) = [line["feed"]["closed_at"] for line in once if "feed" in line]
    assert closed == "2026-03-01T10:00:00.000Z"


def test_an_interrupted_import_can_be_repeated(server: Server, feed: str) -> None:
    """Half a file is reported; then the whole file; a third import changes nothing."""
    lines = exported(server, feed)
    slug = f"half-{os.getpid()}"
    half = command(server, "import", "-", "--as", slug, stdin=text(lines[:60]))
    assert half.returncode == 1
    assert "is incomplete, it stops at line 60" in half.stderr
    for _ in range(2):
        done = command(server, "import", "-", "--as", slug, stdin=text(lines))
        assert (done.returncode, done.stderr) == (0, "")
        cursor = server.request("GET", f"/v1/feeds/{slug}").json()["cursor"]
        # Each line that tells of a post is one event, however often it was put.
        assert cursor.endswith("-130")
    assert news(exported(server, slug)) == news(lines)


def test_readers_of_an_imported_feed_get_every_event_in_order(
    server: Server, feed: str
) -> None:
    """It has a log of its own: every event once, under a new epoch."""
    lines = exported(server, feed)
    copy = imported(server, lines)
    head = server.request("GET", f"/v1/feeds/{copy}").json()["cursor"]
    epoch, _, seq = head.rpartition("-")
    assert not lines[0]["cursor"].startswith(f"{epoch}-")
    found = [event["cursor"] for event in events(server, copy, f"{epoch}-0")]
    assert found == [f"{epoch}-{n}" for n in range(1, int(seq) + 1)]


def test_an_export_goes_to_a_file(server: Server, feed: str, tmp_path: Path) -> None:
    """And an import comes from one."""
    file = tmp_path / "feed.jsonl"
    assert command(server, "export", feed, "-o", str(file)).returncode == 0
    slug = f"file-{os.getpid()}"
    done = command(server, "import", str(file), "--as", slug)
    assert done.stdout == f"imported {slug}: 127 posts, 3 withdrawn\n"


def test_an_import_restores_no_withdrawn_post(server: Server, feed: str) -> None:
    """Posts withdrawn after the export stay withdrawn."""
    copy = imported(server, exported(server, feed))
    lines = exported(server, copy)
    gone = next(line["post"]["id"] for line in lines if "post" in line)
    server.request("DELETE", f"/v1/feeds/{copy}/posts/{gone}")
    done = command(server, "import", stdin=text(lines))
    assert "not restored, since withdrawn here: 1" in done.stdout
    assert exported(server, copy)[2]["post"]["id"] != gone


def test_a_takedown_is_imported_as_a_takedown(server: Server) -> None:
    """Text the target holds is erased too; a later import does not restore it."""
    feed = server.new_feed(title="Quay")
    first, second = (
        server.publish(feed, body, external_id=f"id-{len(body)}")["post"]["id"]
        for body in ("Libel, it was.", "Rain")
    )
    before = exported(server, feed)
    server.request("DELETE", f"/v1/feeds/{feed}/posts/{second}")
    taken = server.request("POST", f"/v1/feeds/{feed}/posts/{first}/takedown", {})
    assert taken.status_code == 200, taken.text
    lines = exported(server, feed)
    assert "Libel" not in text(lines)
    left = {one["id"]: one for one in news(lines)[1]}
    assert left[first]["taken_down"] and "taken_down" not in left[second]
    fresh, older = imported(server, lines), imported(server, before)
    done = command(server, "import", "-", "--as", older, stdin=text(lines))
    assert done.returncode == 0, done.stderr
    for copy in (fresh, older):
        path = f"/v1/feeds/{copy}/posts/{first}"
        assert server.request("POST", f"{path}/restore").status_code == 410
        assert server.request("GET", f"{path}/revisions").status_code == 410
        assert news(exported(server, copy))[1] == news(lines)[1]
        done = command(server, "import", "-", "--as", copy, stdin=text(before))
        assert "not restored, since withdrawn here: 2" in done.stdout
        assert "Libel" not in text(exported(server, copy))
        # The other was withdrawn: where its text was, it can be put back.
        restored = server.request("POST", f"/v1/feeds/{copy}/posts/{second}/restore")
        assert restored.status_code == (409 if copy == fresh else 200)


def test_an_invalid_line_is_reported_with_its_number(server: Server, feed: str) -> None:
    """With the reason; no later line is imported."""
    lines = exported(server, feed)
    whole = text(lines)
    bad_post = {"post": lines[2]["post"] | {"rev": 0}}
    cases = {
        "": "stops at line 0",
        "junk\n": "line 1: is not a JSON object",
        "{}\n": "line 1: this is not a Stop Press export",
        '{"export":2}\n': "line 1: this is not a Stop Press export, or one of a newer",
        text([lines[0], lines[2]]): "line 2: comes before the feed",
        text([*lines[:2], bad_post]): "line 3: rev: must be a whole number",
        text([*lines[:2], {"post": 3}]): "line 3: is invalid: use one of feed, post",
        text([*lines[:2], {"post": {}}]): "line 3: the post has no id",
        text([*lines[:2], lines[-1]]): "line 3: the file has 2 lines before this one",
        whole + text(lines[:1]): f"line {len(lines) + 1}: comes after the end",
        whole.replace("\n", "", 1): "line 1: is not a JSON object",
    }
    for number, (content, reason) in enumerate(cases.items()):
        slug = f"bad-{os.getpid()}-{number}"
        done = command(server, "import", "-", "--as", slug, stdin=content)
        assert done.returncode == 1, (reason, done)
        assert reason in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_only_an_admin_imports(server: Server, feed: str) -> None:
    """A writer is told the missing scope before anything is read or created."""
    made = server.request("POST", "/v1/tokens", {"scopes": ["manage"]})
    writer = made.json()["token"]
    lines = exported(server, feed)
    for done in (
        command(server, "export", feed, token=writer),
        command(server, "import", "--as", "mine", stdin=text(lines), token=writer),
    ):
        assert done.returncode == 1
        assert "the token lacks the scope 'admin'" in done.stderr


def test_an_invalid_slug_is_a_usage_error(server: Server) -> None:
    """Reported before anything is read."""
    done = command(server, "import", "--as", "No Slug")
    assert done.returncode == 2 and "a slug is 1 to 80" in done.stderr
