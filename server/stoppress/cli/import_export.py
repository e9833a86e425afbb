"""`stoppress export` and `stoppress import`: a whole feed as JSON lines, and back.

The file: a first line, `{"export": 1, "cursor": …}`; then one line each,
`{"feed": …}`, `{"post": …}` or `{"withdrawn": …}`; at last `{"end": …}`, so that a
truncated file is detected. Rules:
- Memory holds only one page and the ids of withdrawn posts: a feed may be larger
  than memory.
- The export of a live feed ends at one cursor: events that arrive while pages are read
  are written after the pages. So a post may occur twice; its higher revision counts.
- The import writes line by line, in order. Writing a line again changes nothing, so an
  interrupted import can be run again. Every error names its line.
"""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import click
import msgspec

from stoppress.cli.api_client import ApiClient, CallFailed, server_options
from stoppress.cli.feeds import path_of
from stoppress.client.api_errors import InvalidArgument
from stoppress.client.check_arguments import path_segment
from stoppress.domain.errors import Invalid
from stoppress.domain.event import KNOWN_TYPES
from stoppress.domain.feed import check_slug
from stoppress.domain.undecodable_json import UNDECODABLE

FORMAT = 1
PAGE = 100
"""Posts per request."""
MAX_LINE = 2 << 20
"""Bytes of a line that are read; the longest post takes about 400 KiB."""
GONE = 410

Json = dict[str, Any]


@click.command("export")
@click.argument("feed")
@click.option(
    *("-o", "--output"),
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file, written only if the export succeeds. Default: stdout.",
)
@server_options
def export(feed: str, output: Path | None, url: str, token: str | None) -> None:
    """Write all of FEED as JSON lines. Needs a token with the scope admin."""
    count = 0
    with _written(output) as file:
        for line in _lines_of(ApiClient(url, token), feed):
            count += 1
            file.write(msgspec.json.encode(line) + b"\n")
        file.flush()
    click.echo(f"exported {feed}: {count} lines", err=True)


@contextmanager
def _written(path: Path | None) -> Iterator[IO[bytes]]:
    """A file that replaces the former one after a success; stdout for None or `-`.

    Of a symbolic link, what it leads to is replaced. What is no regular file, such as a
    FIFO or a device, is written as the lines come. Raises UsageError if it can't be
    written. (click's atomic file replaces it even after an error.)
    """
    if path is None or path == Path("-"):
        yield sys.stdout.buffer
        return
    part: Path | None = None
    try:
        # Before the path is resolved: /dev/stdout leads to no path if it is a pipe.
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        target = path.resolve()
        part = target.with_name(f".{target.name}.part")
        with part.open("wb") as file:
            yield file
        part.replace(target)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise click.UsageError(f"can't write {path}: {reason}") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _lines_of(api: ApiClient, feed: str) -> Iterator[Json]:
    # The call that needs `admin` comes first, so that a token without it fails at once.
    path = path_of(feed)
    api.get(f"{path}/withdrawn?limit=1")
    snapshot = api.get(path)
    cursor: str = snapshot["cursor"]
    count = 2
    yield {"export": FORMAT, "cursor": cursor}
    yield {"feed": _bare(snapshot["feed"])}
    onward: str | None = f"{path}/posts?limit={PAGE}"
    while onward:
        page = api.get(onward)
        for post in page["posts"]:
            count += 1
            yield {"post": _bare(post)}
        onward = page["next"]
    # A post may be listed twice, the first time with its external id if it has one; and
    # again if it was taken down meanwhile.
    reported: set[tuple[str, bool]] = set()
    withdrawn = True
    while withdrawn:
        onward, withdrawn = f"{path}/withdrawn", False
        while onward:
            page = api.get(onward)
            for left in page["withdrawn"]:
                state = left["id"], left.get("taken_down", False)
                if state not in reported:
                    reported.add(state)
                    count += 1
                    yield {"withdrawn": left}
            onward = page["next"]
        while events := _events(api, path, cursor):
            for event in events:
                cursor = event["cursor"]
                # The list above contains more of a withdrawn post than its event.
                kind = KNOWN_TYPES.get(event["type"])
                withdrawn |= kind is not None and kind.removes_post
                if line := _line_of(api, path, event):
                    count += 1
                    yield line
    yield {"end": {"cursor": cursor, "lines": count}}


def _events(api: ApiClient, path: str, since: str) -> list[Json]:
    query = urlencode({"since": since, "wait": 0})
    answer = api.get(f"{path}/events?{query}")
    # A feed that ended (204) has no more events.
    answer = answer or {"events": []}
    if answer.get("reset"):
        raise CallFailed(
            f"the log no longer has all events since {since}: too many arrived during "
            "the export: export again when the feed is quieter"
        )
    events: list[Json] = answer["events"]
    return events


def _line_of(api: ApiClient, path: str, event: Json) -> Json | None:
    kind = KNOWN_TYPES.get(event["type"])
    if kind is None:
        return None
    if kind.shows_feed:
        return {"feed": _bare(event[kind.subject.value])}
    if kind.shows_post:
        # The event contains the readers' form, which is not the whole post.
        post = event[kind.subject.value]["id"]
        try:
            return {"post": _bare(api.get(f"{path}/posts/{path_segment(post, 'id')}"))}
        except CallFailed as refused:
            if refused.status != GONE:
                raise
    return None


def _bare(shown: Json) -> Json:
    """Without the members that the importing server makes: addresses and HTML."""
    return {name: v for name, v in shown.items() if name not in ("url", "html")}


@click.command("import")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--as", "slug", metavar="SLUG", help="A new slug for the feed.")
@server_options
def import_(file: IO[bytes], slug: str | None, url: str, token: str | None) -> None:
    """Import an export (FILE, or stdin). Needs a token with the scope admin.

    Ids, times and revisions are kept; the log, and so every cursor, is new. An
    interrupted import continues when it is run again.
    """
    if slug is not None:
        try:
            check_slug(slug, "--as")
        except Invalid as wrong:
            raise click.UsageError(str(wrong)) from None
    importing = _Import(ApiClient(url, token), slug)
    number = 0
    for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE), b""), 1):
        try:
            importing.take(raw)
        except (CallFailed, InvalidArgument) as wrong:
            raise CallFailed(f"{file.name}, line {number}: {wrong}") from None
    if not importing.ended:
        raise CallFailed(
            f"{file.name} is incomplete, it stops at line {number}: import the "
            "complete file, which continues from there"
        )
    click.echo(importing.summary())


class _Import:
    """The state of an import in progress."""

    def __init__(self, api: ApiClient, slug: str | None) -> None:
        self._api = api
        self._slug = slug
        self._path = ""
        self._lines = 0
        self._kept = 0
        self._counts = {"post": 0, "withdrawn": 0}
        self.ended = False

    def take(self, raw: bytes) -> None:
        """Write one line. Raises CallFailed."""
        # Editors put a byte order mark before a file, and an empty line after it.
        if self._lines == 0:
            raw = raw.removeprefix(BOM_UTF8)
        if self.ended and not raw.strip():
            return
        line = _decoded(raw)
        if self.ended:
            raise CallFailed("comes after the end: remove it")
        if self._lines == 0 and line.get("export") != FORMAT:
            raise CallFailed(
                "this is not a Stop Press export, or one of a newer version: the "
                f'first line must be {{"export": {FORMAT}, …}}'
            )
        if self._lines:
            ((kind, value),) = line.items() if len(line) == 1 else (("", None),)
            if kind not in ("feed", "post", "withdrawn", "end") or not isinstance(
                value, dict
            ):
                raise CallFailed("is invalid: use one of feed, post, withdrawn, end")
            self._put(kind, value)
        self._lines += 1

    def _put(self, kind: str, value: Json) -> None:
        if kind == "feed":
            self._put_feed(value)
        elif not self._path:
            raise CallFailed("comes before the feed: the second line must be the feed")
        elif kind == "end":
            if value.get("lines") != self._lines:
                raise CallFailed(
                    f"the file has {self._lines} lines before this one instead of "
                    f"{value.get('lines')}, so lines are missing: export again"
                )
            self.ended = True
        else:
            self._put_post(kind, value)

    def _put_feed(self, feed: Json) -> None:
        slug = self._slug or feed.get("slug")
        if not isinstance(slug, str):
            raise CallFailed("the feed has no slug: this is not an export")
        self._path = path_of(slug)
        self._slug = slug
        self._api.write("PUT", self._path, feed | {"slug": slug})

    def _put_post(self, kind: str, value: Json) -> None:
        name = value.get("id")
        if not isinstance(name, str):
            raise CallFailed(f"the {kind} has no id: this is not an export")
        part = "posts" if kind == "post" else "withdrawn"
        path = f"{self._path}/{part}/{path_segment(name, 'id')}"
        try:
            self._api.write("PUT", path, value)
        except CallFailed as refused:
            # The post was withdrawn on the importing server: that is final.
            if kind != "post" or refused.status != GONE:
                raise
            self._kept += 1
        else:
            self._counts[kind] += 1

    def summary(self) -> str:
        """The result, on one line."""
        reported = f"imported {self._slug}: {self._counts['post']} posts, "
        reported += f"{self._counts['withdrawn']} withdrawn"
        if self._kept:
            reported += f"; not restored, since withdrawn here: {self._kept}"
        return reported


def _decoded(raw: bytes) -> Json:
    if len(raw) >= MAX_LINE and not raw.endswith(b"\n"):
        raise CallFailed(f"is longer than {MAX_LINE} bytes: this is not an export")
    try:
        line: Json = msgspec.json.decode(raw, type=dict[str, Any])
    except UNDECODABLE as wrong:
        raise CallFailed(f"is not a JSON object: {wrong}") from None
    return line
