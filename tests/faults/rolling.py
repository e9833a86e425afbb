"""A rolling restart: two servers behind nginx, 8,000 readers, one after the other.

    python -m tests.faults.rolling [--readers 8000] [--bound 1000] [--write FILE]

Real hubs on one Redis, a real nginx with no settings but upgrade and two upstreams.
Each server is ended with SIGTERM and started again, while an editor writes by way of
nginx. No reader may miss or repeat an event, or be reset; and never may more
handshakes be answered within a second than `--bound`, which the servers are set to.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from stoppress.domain.cursor import Cursor
from tests.contract.store.servers import ALWAYS
from tests.contract.store.servers import Server as Store
from tests.faults.fault_kind import BUSY
from tests.faults.paced_editor import PacedEditor
from tests.faults.reader_crowd_process import (
    Count,
    ReaderCrowdProcess,
    reader_crowd_process,
)
from tests.faults.report_sections import put
from tests.faults.server import Server, serving
from tests.faults.server_state import everything, shown
from tests.plain_http import PLAIN
from tests.ports import reserve_port

FEED = "flood"
SEED = 7
A_SECOND = 4.0
DRAIN_S = 20.0
BACK_S = 60.0 * BUSY
"""How long all may take to be back."""
TITLE = "A rolling restart"
NGINX = """\
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
  upstream hubs {{
    least_conn;
    server 127.0.0.1:{first} max_fails=1 fail_timeout=1s;
    server 127.0.0.1:{second} max_fails=1 fail_timeout=1s;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://hubs;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_buffering off;
      proxy_read_timeout 1h;
    }}
  }}
}}
"""


@dataclass(slots=True)
class Rolled:
    """What came of it."""

    count: Count
    """Since everybody was in for the first time."""
    codes: list[int]
    """The servers' exit codes."""
    drained_s: float
    """The longest time a server took to end."""
    back_s: float
    """The longest time from a server's SIGTERM until everybody was on a line."""
    actions: int
    faults: list[str]


@asynccontextmanager
async def proxied(folder: Path, first: int, second: int) -> AsyncIterator[int]:
    """An nginx before these two ports; its own port."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise SystemExit("error: nginx is not installed; apt-get install nginx-light")
    port = reserve_port()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    conf = folder / "nginx.conf"
    conf.write_text(
        NGINX.format(folder=folder, files=files, first=first, second=second, port=port)
    )
    process = await asyncio.create_subprocess_exec(found, "-c", str(conf))
    try:
        await asyncio.sleep(0.5)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def roll(
    readers: int, bound: int, folder: Path, drain_s: float = DRAIN_S
) -> Rolled:
    """Both servers, one after the other."""
    async with AsyncExitStack() as stack:
        store = Store("redis", folder / "store", ALWAYS)
        stack.callback(store.kill)
        await asyncio.to_thread(store.start)
        settings = {
            "STOPPRESS_HANDSHAKES_PER_S": str(bound),
            "STOPPRESS_DRAIN_S": str(drain_s),
        }
        hubs: list[Server] = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            hub = serving(folder / name, "--redis", store.url, settings=settings)
            hubs.append(await stack.enter_async_context(hub))
        port = await stack.enter_async_context(
            proxied(folder, hubs[0].port, hubs[1].port)
        )
        desk = PacedEditor(f"http://127.0.0.1:{port}", SEED, FEED, A_SECOND)
        await desk.open()
        crowd = await stack.enter_async_context(
            reader_crowd_process(("127.0.0.1", port), FEED, SEED)
        )
        await crowd.come([None] * readers, at_once=False)
        await crowd.until_in(BACK_S)
        await crowd.forget()
        return await _rolled(hubs, desk, crowd, port, drain_s)


async def _rolled(
    hubs: list[Server],
    desk: PacedEditor,
    crowd: ReaderCrowdProcess,
    port: int,
    drain_s: float,
) -> Rolled:
    writing = asyncio.create_task(desk.work())
    codes, drained_s, back_s = [], 0.0, 0.0
    for hub in hubs:
        await asyncio.sleep(2)
        began = time.monotonic()
        hub.kill(hub.pid, signal.SIGTERM)
        codes.append(await hub.ended())
        drained_s = max(drained_s, time.monotonic() - began)
        await hub.start()
        await asyncio.sleep(drain_s / 2)  # the last were told to take their time
        await crowd.until_in(BACK_S)
        back_s = max(back_s, time.monotonic() - began)
    desk.finish()
    await writing
    faults = [str(fault) for fault in desk.faults]
    async with httpx.AsyncClient(
        verify=PLAIN, base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False
    ) as client:
        goal = Cursor.parse(str((await shown(client, f"/v1/feeds/{FEED}"))["cursor"]))
        posts = (await everything(client, FEED))[1]
    desk.check_feed(FEED, posts)
    try:
        count = await crowd.until_at(goal, BACK_S)
    except TimeoutError:
        count = await crowd.count(goal)
        faults.append(f"{count.readers - count.at_goal} readers are not at {goal}")
    faults += count.first_faults + [str(fault) for fault in desk.faults[len(faults) :]]
    if count.seen["reset"]:
        faults.append(f"{count.seen['reset']} resets")
    if any(codes):
        faults.append(f"exit codes {codes}")
    return Rolled(count, codes, drained_s, back_s, desk.actions, faults)


def reported(found: Rolled, bound: int) -> str:
    """What the report says of it."""
    count, seen = found.count, found.count.seen
    result = f"**{found.faults[:3]}**" if found.faults else "0"
    return f"""\
`python -m tests.faults.rolling`: two servers on one Redis, nginx before them, and
readers on WebSocket through it, while an editor writes through it too. Each server
is ended by SIGTERM and started again
(`drain_s` {DRAIN_S:.0f}, `handshakes_per_s` {bound}).

| what | figure |
| --- | --: |
| readers, two descriptors each at nginx | {count.readers:,} |
| writes | {found.actions} |
| events heard | {seen["events"]:,} |
| readers disconnected (`bye`) | {seen["bye"]:,} |
| connections that broke without `bye` | {seen["broken"]:,} |
| handshakes answered | {count.handshakes:,} |
| most of them in one second (bound {bound:,}) | {count.peak:,} |
| a server's end took, at most | {found.drained_s:.1f} s |
| from SIGTERM until all were on a line, at most | {found.back_s:.1f} s |
| gaps, repeats, resets, lost posts | {result} |
"""


def main() -> None:
    """Run from the command line; exit 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=8000)
    parser.add_argument("--bound", type=int, default=1000, help="handshakes a second")
    parser.add_argument("--write", type=Path, default=None, help="a report to write")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stop-press-") as folder:
        found = asyncio.run(roll(given.readers, given.bound, Path(folder)))
    if found.count.peak > given.bound:
        found.faults.append(f"{found.count.peak} handshakes within a second")
    text = reported(found, given.bound)
    print(text, dict(found.count.seen), *found.faults, sep="\n")  # noqa: T201
    if given.write is not None:
        page = given.write.read_text() if given.write.exists() else ""
        given.write.write_text(put(page, TITLE, text))
    sys.exit(1 if found.faults else 0)


if __name__ == "__main__":
    main()
