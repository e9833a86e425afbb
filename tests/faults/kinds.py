"""The kinds of fault of the server, its processes and its readers; see `stores.py`."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
import time
from pathlib import Path

from tests.faults.fault_kind import Kind
from tests.faults.proxy import ProxyBehaviour
from tests.faults.reader import ReaderBehaviour
from tests.faults.system_under_test import SystemUnderTest

DRAIN_S = 1.0
SLOW = ReaderBehaviour(patience_s=40.0, pause_s=0.2, nap_s=0.3, line_s=1e9)
GONE = ReaderBehaviour(patience_s=40.0, pause_s=0.2, line_s=1.5)
LONG = "gale " * 5000


async def worker_killed(system: SystemUnderTest) -> None:
    """kill -9, twice."""
    for _ in system.times(2):
        system.server.kill(system.chance.choice(system.server.workers()))
        await asyncio.sleep(system.chance.uniform(1, 2))


async def worker_frozen(system: SystemUnderTest) -> None:
    """SIGSTOP for five seconds."""
    pid = system.chance.choice(system.server.workers())
    system.server.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(5)
    system.server.kill(pid, signal.SIGCONT)


async def server_killed(system: SystemUnderTest) -> None:
    """kill -9 of every process but Valkey, and a new start."""
    server = system.server
    for pid in (server.pid, *server.workers()):
        server.kill(pid)
    await server.ended()
    await asyncio.sleep(system.chance.uniform(0, 1))
    await server.start()


async def supervisor_killed(system: SystemUnderTest) -> None:
    """kill -9 of the parent alone: its workers end with it, its Valkey is adopted."""
    server = system.server
    workers, stores = server.workers(), server.valkey()
    server.kill(server.pid)
    await server.ended()
    began = time.monotonic()
    if not await system.until(lambda: not any(map(_runs, workers)), 2):
        system.fault("orphans", "workers outlive their parent by 2 s")
    system.outcome.notes["workers gone after s"] = time.monotonic() - began
    await server.start()
    if server.valkey() != stores:
        system.fault("valkey", f"{stores} was not adopted: {server.valkey()}")


def _runs(pid: int) -> bool:
    """Whether the process is there; one that only waits for its burial is not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


async def drained(system: SystemUnderTest) -> None:
    """SIGTERM: everybody is told bye, with times of their own; exit 0."""
    server = system.server
    for reader in system.readers:
        reader.byes.clear()
    open_now = [
        reader
        for reader in system.readers
        if reader.transport in ("websocket", "sse") and reader.is_calm
    ]
    began = time.monotonic()
    server.kill(server.pid, signal.SIGTERM)
    code = await server.ended()
    system.outcome.notes["drained after s"] = time.monotonic() - began
    if code:
        system.fault("drain", f"exit {code}")
    untold = [one.name for one in open_now if not one.byes]
    if untold:
        system.fault("drain", f"{len(untold)} of {len(open_now)} were not told bye")
    times = [one.byes[0] for one in open_now if one.byes]
    if len(set(times)) < len(times) * 0.8:
        system.fault("drain", f"the same times: {sorted(times)}")
    await server.start()


async def descriptors(system: SystemUnderTest) -> None:
    """No descriptor is left for new connections, for five seconds."""
    (pid,) = system.server.workers()
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (16, before[1]))
    await asyncio.sleep(5)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


async def slow_readers(system: SystemUnderTest) -> None:
    """A third of the readers hardly read, while much is written."""
    for reader in system.fronted:
        reader.drowsy = True
        system.may_reset.add(reader)
    for number in range(40):
        desk = system.desks[number % 2]
        async with desk.paused():
            await desk.publish(desk.feed, LONG)
    for reader in system.fronted:
        reader.drowsy = False


async def half_open(system: SystemUnderTest) -> None:
    """A third of the readers vanish; nobody tells the server."""
    front = system.front
    assert front is not None
    gone = front.freeze()
    system.outcome.notes["vanished"] = gone
    for number in range(60):
        desk = system.desks[number % 2]
        async with desk.paused():
            await desk.publish(desk.feed, LONG)
    end = time.monotonic() + 25
    while await system.readers_counted() > len(system.readers):
        if time.monotonic() > end:
            system.fault("half-open", "the server still holds readers that are gone")
            return
        await asyncio.sleep(0.2)


async def nothing(system: SystemUnderTest) -> None:
    """The proxy does it, all along."""


async def cut_all(system: SystemUnderTest) -> None:
    """Everybody behind the proxy is cut at once, again and again."""
    assert system.front is not None
    for _ in system.times(5):
        system.front.cut()
        await asyncio.sleep(system.chance.uniform(0.5, 1.5))


SERVER_KINDS = (
    Kind(
        name="worker-killed",
        what="one of two workers is killed (-9), twice",
        fault=worker_killed,
        workers=2,
        stays=False,
        lags=True,
    ),
    Kind(
        name="worker-frozen",
        what="the worker is stopped (SIGSTOP) for 5 s",
        fault=worker_frozen,
        stays=False,
    ),
    Kind(
        name="server-killed",
        what="supervisor and workers are killed (-9), and started again",
        fault=server_killed,
        stays=False,
    ),
    Kind(
        name="supervisor-killed",
        what="the supervisor is killed (-9); the next adopts its Valkey",
        fault=supervisor_killed,
        workers=2,
        stays=False,
        lags=True,
    ),
    Kind(
        name="drained",
        what="SIGTERM: bye to every reader, each with its own time; started again",
        fault=drained,
        stays=False,
    ),
    Kind(
        name="no-descriptors",
        what="the worker has no descriptor left for 5 s",
        fault=descriptors,
        stays=False,
    ),
    Kind(
        name="slow-readers",
        what="a third of the readers hardly read, while 1 MB is published",
        fault=slow_readers,
        proxy_behaviour=ProxyBehaviour(),
        reader_behaviour=SLOW,
        settings={
            "STOPPRESS_RING_EVENTS": "32",
            "STOPPRESS_SEND_BUFFER_BYTES": "16384",
        },
        resets=True,
    ),
    Kind(
        name="half-open",
        what="a third of the readers vanish without a word to the server",
        fault=half_open,
        proxy_behaviour=ProxyBehaviour(),
        reader_behaviour=GONE,
        settings={"STOPPRESS_DEAD_PEER_S": "3", "STOPPRESS_SEND_BUFFER_BYTES": "16384"},
    ),
    Kind(
        name="byte-at-a-time",
        what="a third of the readers are served by a proxy that passes single bytes",
        fault=nothing,
        proxy_behaviour=ProxyBehaviour(piece=1),
    ),
    Kind(
        name="proxy-buffers",
        what="a proxy passes on in gulps, every 1.5 s",
        fault=nothing,
        proxy_behaviour=ProxyBehaviour(gather_s=1.5),
    ),
    Kind(
        name="proxy-cuts",
        what="a proxy cuts each connection after up to 8 KB, five times all at once",
        fault=cut_all,
        proxy_behaviour=ProxyBehaviour(cut_bytes=8000),
    ),
    Kind(
        name="proxy-idles",
        what="a proxy closes each connection that was silent for 0.4 s",
        fault=nothing,
        proxy_behaviour=ProxyBehaviour(idle_s=0.4),
    ),
)

if sys.platform != "linux":  # the limits of another process are Linux's
    SERVER_KINDS = tuple(k for k in SERVER_KINDS if k.name != "no-descriptors")
