"""Lines that idle behind every proxy, in real time: `make quiet`.

Readers on WebSocket and SSE, over HTTP and HTTPS, hear nothing but beats for eleven
minutes, longer than any timeout that is written in `deploy/`; then a post is published,
and each has to hear it on the connection that it opened. It costs next to no CPU.
`test_quiet_lines.py` has the same with short times.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import tempfile
from pathlib import Path

import click
import trustme

from tests.foreign.live_lines import (
    STREAM,
    client,
    hear,
    publish,
    read,
    socket_to,
    trusting,
)
from tests.foreign.proxies import FOUND, NO_SOCKETS, SHIPPED, missing, proxied
from tests.foreign.two_hubs import Hubs, hubs_in, redis_in

MINUTES = 11.0
STAYED = "stayed"


KINDS = ("hello", "beat", "post.published")


async def _socket(base: str, feed: str, context: ssl.SSLContext) -> None:
    """Hear beats on a WebSocket until a post comes."""
    async with socket_to(base, feed, context) as socket:
        while (await hear(socket, *KINDS))["type"] != KINDS[-1]:
            pass


async def _stream(base: str, feed: str, context: ssl.SSLContext) -> None:
    """The same on an event stream."""
    async with (
        client(base, context) as http,
        http.stream("GET", f"/v1/feeds/{feed}/events", headers=STREAM) as stream,
    ):
        lines = stream.aiter_lines()
        while (await read(lines, *KINDS))["type"] != KINDS[-1]:
            pass


async def _behind(
    name: str, tls: bool, hubs: Hubs, feed: str, folder: Path
) -> dict[str, str]:
    """Idle behind one proxy on every transport; what became of each line."""
    authority = trustme.CA()
    await asyncio.to_thread(folder.mkdir)
    ways = {"sse": _stream} | ({} if name in NO_SOCKETS else {"websocket": _socket})
    async with proxied(
        name, hubs.urls, folder, authority=authority if tls else None
    ) as base:
        problems = await asyncio.gather(
            *(way(base, feed, trusting(authority)) for way in ways.values()),
            return_exceptions=True,
        )
    told = (repr(problem) if problem else STAYED for problem in problems)
    return dict(zip(ways, told, strict=True))


async def run(minutes: float) -> bool:
    """Idle behind all of them at once; whether every line stayed."""
    fine = True
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(redis_in(place))
        hubs = stack.enter_context(hubs_in(place, redis))
        feed = hubs.running[0].new_feed()
        names = [name for name in (*SHIPPED, *FOUND) if not missing(name)]
        tasks = {
            (name, tls): asyncio.create_task(
                _behind(name, tls, hubs, feed, place / f"{name}{tls:d}")
            )
            for name in names
            for tls in (False, True)
        }
        await asyncio.sleep(minutes * 60 + 5)
        await asyncio.to_thread(publish, hubs, feed, "Still here.")
        for (name, tls), task in tasks.items():
            for way, said in (await task).items():
                fine = fine and said == STAYED
                scheme = "https" if tls else "http"
                click.echo(f"{name:18} {scheme:6} {way:10} {said}")
    return fine


def main() -> None:
    """Read the command line, and idle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    minutes = parser.parse_args().minutes
    if not asyncio.run(run(minutes)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
