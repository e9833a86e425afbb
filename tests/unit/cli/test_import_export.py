"""`stoppress export` and `stoppress import`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.site import Site

HEAD = {"export": 1, "cursor": "e-5"}
FEED = {"feed": {"slug": "x", "title": "Rain"}}
POST = {"post": {"id": "p1", "rev": 1}}
END = {"end": {"cursor": "e-5", "lines": 3}}


def exported(site: Site) -> None:
    """A feed with one page of posts and one that was withdrawn."""
    snapshot = {"cursor": "e-5", "feed": {"slug": "x", "url": "http://h/live/x"}}
    post = {"id": "p1", "url": "http://h/live/x/p1", "html": "<p>Rain</p>", "rev": 1}
    site.answers |= {
        "GET /v1/feeds/x/withdrawn?limit=1": (200, {"withdrawn": [], "next": None}),
        "GET /v1/feeds/x": (200, snapshot),
        "GET /v1/feeds/x/posts?limit=100": (200, {"posts": [post], "next": None}),
        "GET /v1/feeds/x/withdrawn": (
            200,
            {"withdrawn": [{"id": "p0", "rev": 2}] * 2, "next": None},
        ),
        "GET /v1/feeds/x/events?since=e-5&wait=0": (200, {"events": []}),
    }


def file_of(tmp_path: Path, *lines: Any) -> str:
    """An export of these lines."""
    file = tmp_path / "export"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def test_an_export_is_complete_and_holds_what_a_server_can_not_make(
    site: Site, tmp_path: Path
) -> None:
    """No addresses, no HTML; a withdrawn post once; its end says how long it is."""
    exported(site)
    file = tmp_path / "x.jsonl"
    assert site.run("export", "x", "-o", str(file))[0] == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines == [
        {"export": 1, "cursor": "e-5"},
        {"feed": {"slug": "x"}},
        {"post": {"id": "p1", "rev": 1}},
        {"withdrawn": {"id": "p0", "rev": 2}},
        {"end": {"cursor": "e-5", "lines": 4}},
    ]


def test_a_takedown_during_the_export_is_told(site: Site, tmp_path: Path) -> None:
    """A post that was listed as withdrawn is listed again."""
    exported(site)
    left = {"id": "p0", "rev": 2}
    page = [left, left | {"taken_down": True}]
    site.answers["GET /v1/feeds/x/withdrawn"] = 200, {"withdrawn": page, "next": None}
    file = tmp_path / "x.jsonl"
    assert site.run("export", "x", "-o", str(file))[0] == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["withdrawn"] for one in lines if "withdrawn" in one] == page


def test_an_export_ends_with_the_changes_made_meanwhile(
    site: Site, tmp_path: Path
) -> None:
    """Whole, not as readers get it; the end is one cursor."""
    exported(site)
    event = {"type": "post.updated", "cursor": "e-6", "post": {"id": "p1", "rev": 2}}
    gone = event | {"post": {"id": "p9", "rev": 1}}
    events = {"events": [event, gone]}
    site.answers |= {
        "GET /v1/feeds/x/events?since=e-5&wait=0": (200, events),
        "GET /v1/feeds/x/events?since=e-6&wait=0": (204, None),
        "GET /v1/feeds/x/posts/p1": (200, {"id": "p1", "body": "Rain", "rev": 2}),
        "GET /v1/feeds/x/posts/p9": (410, {"detail": "it was withdrawn"}),
    }
    file = tmp_path / "x.jsonl"
    assert site.run("export", "x", "-o", str(file))[0] == 0
    *_, again, end = map(json.loads, file.read_text().splitlines())
    assert again == {"post": {"id": "p1", "body": "Rain", "rev": 2}}
    assert end == {"end": {"cursor": "e-6", "lines": 5}}


def test_an_export_that_fails_leaves_no_file(site: Site, tmp_path: Path) -> None:
    """What happened can't be told any more."""
    exported(site)
    site.answers["GET /v1/feeds/x/events?since=e-5&wait=0"] = 200, {"reset": True}
    file = tmp_path / "x.jsonl"
    code, _, complaint = site.run("export", "x", "-o", str(file))
    assert code == 1 and "export again" in complaint
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_what_a_link_leads_to(site: Site, tmp_path: Path) -> None:
    """The link stays, whether its file is there or not."""
    exported(site)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    file, link = folder / "x.jsonl", tmp_path / "x.jsonl"
    link.symlink_to(file)
    for _ in range(2):
        assert site.run("export", "x", "-o", str(link))[0] == 0
        assert link.is_symlink() and len(file.read_text().splitlines()) == 5
    assert list(folder.iterdir()) == [file]


def test_an_export_goes_through_what_is_no_file(site: Site, tmp_path: Path) -> None:
    """A FIFO gets the lines and stays; nothing is made beside it."""
    exported(site)
    fifo = tmp_path / "lines"
    os.mkfifo(fifo)
    # Open for both, so that the export does not wait for a reader.
    line = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        assert site.run("export", "x", "-o", str(fifo))[0] == 0
        assert len(os.read(line, 1 << 16).splitlines()) == 5
    finally:
        os.close(line)
    assert fifo.is_fifo() and list(tmp_path.iterdir()) == [fifo]


def test_an_export_goes_through_a_link_to_a_pipe(site: Site, tmp_path: Path) -> None:
    """As /dev/stdout is, which leads to no path."""
    exported(site)
    ours, theirs = os.pipe()
    link = tmp_path / "stdout"
    link.symlink_to(f"/proc/self/fd/{theirs}")
    try:
        assert site.run("export", "x", "-o", str(link))[0] == 0
        assert len(os.read(ours, 1 << 16).splitlines()) == 5
    finally:
        os.close(ours)
        os.close(theirs)
    assert list(tmp_path.iterdir()) == [link] and link.is_symlink()


def test_links_in_a_circle_are_misuse(site: Site, tmp_path: Path) -> None:
    """They lead nowhere."""
    exported(site)
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    code, _, complaint = site.run("export", "x", "-o", str(one))
    assert code == 2 and "can't write" in complaint and one.is_symlink()


def test_an_import_puts_each_line(site: Site, tmp_path: Path) -> None:
    """Under another slug, if that is asked for; what is gone there stays gone."""
    file = file_of(tmp_path, HEAD, FEED, POST, {"withdrawn": {"id": "p0"}}, END_4)
    site.answers |= {
        "PUT /v1/feeds/y": (201, {}),
        "PUT /v1/feeds/y/posts/p1": (410, {"detail": "it was withdrawn"}),
        "PUT /v1/feeds/y/withdrawn/p0": (204, None),
    }
    code, said, complaint = site.run("import", file, "--as", "y")
    assert (code, complaint) == (0, "")
    assert (
        "imported y: 0 posts, 1 withdrawn; not restored, since withdrawn here: 1"
        in said
    )
    assert site.writes()[0][2] == {"slug": "y", "title": "Rain"}


def test_what_editors_add_to_a_file_is_skipped(site: Site, tmp_path: Path) -> None:
    """A byte order mark before it, empty lines after its end."""
    file = Path(file_of(tmp_path, HEAD, FEED, END | {"end": {"lines": 2}}))
    site.answers["PUT /v1/feeds/x"] = 201, {}
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes() + b"\n \r\n")
    assert site.run("import", str(file))[0] == 0
    file.write_bytes(file.read_bytes() + b"\xef\xbb\xbf{}\n")
    code, _, complaint = site.run("import", str(file))
    assert code == 1 and "line 6" in complaint


END_4 = {"end": {"cursor": "e-5", "lines": 4}}


@pytest.mark.parametrize(
    ("lines", "line", "text"),
    [
        (["no"], 1, "is not a JSON object"),
        ([{"export": 99}], 1, "not a Stop Press export"),
        ([HEAD, POST], 2, "before the feed"),
        ([HEAD, {"feed": {"title": "x"}}], 2, "no slug"),
        ([HEAD, {"what": {}}], 2, "use one of feed, post"),
        ([HEAD, FEED, {"post": {}}], 3, "has no id"),
        ([HEAD, FEED, {"withdrawn": {"id": ".."}}], 3, "id='..' is invalid"),
        ([HEAD, FEED, END], 3, "lines are missing"),
        ([HEAD, FEED, POST, END, POST], 5, "after the end"),
        ([HEAD, FEED], 2, "is incomplete"),
    ],
)
def test_an_invalid_line_is_reported_with_its_number(
    lines: list[Any], line: int, text: str, site: Site, tmp_path: Path
) -> None:
    site.answers["PUT /v1/feeds/x"] = 201, {}
    site.answers["PUT /v1/feeds/x/posts/p1"] = 201, {}
    code, _, complaint = site.run("import", file_of(tmp_path, *lines))
    assert code == 1 and f"line {line}" in complaint and text in complaint


def test_an_invalid_slug_is_a_usage_error(site: Site, tmp_path: Path) -> None:
    """Before anything is put."""
    code, _, complaint = site.run("import", file_of(tmp_path, HEAD), "--as", "No!")
    assert code == 2 and "--as" in complaint and site.asked == []


def test_a_file_that_can_not_be_written_is_misuse(site: Site, tmp_path: Path) -> None:
    """One line, as ever; without a file it goes to stdout."""
    exported(site)
    code, _, complaint = site.run("export", "x", "-o", str(tmp_path / "no" / "x"))
    assert code == 2 and "can't write" in complaint
    code, said, _ = site.run("export", "x", "-o", "-")
    assert code == 0 and len(said.splitlines()) == 5
    assert site.run("export", "x")[1] == said
