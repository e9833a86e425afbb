"""Several workers behind one port."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect

from stoppress.process.supervisor import COUNTERS_PREFIX
from tests.conftest import Server, started
from tests.contract.server.test_restart import children, is_running, valkey_of
from tests.waiting import until, wait_until

READERS = 24
"""Enough that each of two workers has some: all on one is 1 in 8 million."""
PATIENCE_S = 60


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers."""
    data = tmp_path_factory.mktemp("workers") / "data"
    with started(data, "--workers", "2", "--drain-s", "0.2") as server:
        yield server


def workers_of(server: Server) -> list[int]:
    """The workers that run now."""
    valkey = valkey_of(server.data)
    return [pid for pid in children(server.process.pid) if pid != valkey]


def counted(server: Server, name: str) -> float:
    """The sum of a metric over its labels."""
    text = server.request("GET", "/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )


@pytest.mark.asyncio
async def test_readers_of_every_worker_get_every_post(pair: Server) -> None:
    """From any worker; each worker's metrics show the sum of all."""
    feed = pair.new_feed()
    url = pair.url.replace("http", "ws")
    delivered = counted(pair, "stoppress_deliveries_total")
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
        readers: list[ClientConnection] = []
        for _ in range(READERS):
            line = connect(f"{url}/v1/live?feed={feed}")
            readers.append(await stack.enter_async_context(line))
        for reader in readers:
            assert '"hello"' in str(await reader.recv())
        # Each worker adds up what it counted once a second.
        await asyncio.to_thread(
            wait_until, lambda: counted(pair, "stoppress_readers") == READERS
        )
        # Both workers opened the feed: each has its own channel.
        assert counted(pair, "stoppress_channels") >= 2
        made = [await asyncio.to_thread(pair.publish, feed, f"{n}") for n in range(5)]
        for reader in readers:
            got = [msgspec.json.decode(await reader.recv()) for _ in made]
            assert [one["cursor"] for one in got] == [one["cursor"] for one in made]
        wanted = delivered + READERS * len(made)

        def are_added_up() -> bool:
            """what all workers delivered"""
            return counted(pair, "stoppress_deliveries_total") == wanted

        await asyncio.to_thread(wait_until, are_added_up)


def test_a_dead_worker_is_replaced(pair: Server) -> None:
    """The other serves meanwhile; readers of the dead one are not counted."""
    before = workers_of(pair)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)

    def are_two_again() -> bool:
        """a second worker"""
        now = workers_of(pair)
        return len(now) == 2 and before[0] not in now

    wait_until(are_two_again)
    assert before[1] in workers_of(pair)
    for number in range(10):
        # Each on a connection of its own: both workers are asked.
        assert pair.request("GET", "/v1/feeds").status_code == 200, number
    wait_until(lambda: counted(pair, "stoppress_readers") == 0)


async def _counts(reader: ClientConnection, received: dict[int, int], me: int) -> None:
    """Keep the last count that a reader was told, until its line ends."""
    try:
        async for message in reader:
            said = msgspec.json.decode(message)
            if said["type"] == "readers":
                received[me] = said["count"]
    finally:
        received.pop(me, None)


@pytest.mark.asyncio
async def test_readers_are_counted_over_all_workers(tmp_path: Path) -> None:
    """Those of a killed worker are dropped once its lease is over."""
    with started(tmp_path / "data", "--workers", "2") as server:
        feed = server.new_feed(show_readers=True)
        url = f"{server.url.replace('http', 'ws')}/v1/live?feed={feed}"
        received: dict[int, int] = {}
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S):
            listening = []
            for me in range(READERS):
                reader = await stack.enter_async_context(connect(url))
                listening.append(asyncio.create_task(_counts(reader, received, me)))
            await until(lambda: sorted(received.values()) == [READERS] * READERS)
            os.kill(workers_of(server)[0], signal.SIGKILL)
            await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
            # Those of the dead one are gone; the others come to hear only of them.
            await until(lambda: set(received.values()) == {len(received)}, PATIENCE_S)
            assert 0 < len(received) < READERS


def test_every_worker_is_ready_once_the_server_says_so(tmp_path: Path) -> None:
    """Whichever worker answers."""
    options = ("--workers", "2", "--drain-s", "0")
    with started(tmp_path / "data", *options) as server:
        for _ in range(10):
            assert server.request("GET", "/readyz").status_code == 200


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """kill -9 of the parent leaves no worker, and files only for a short time."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    kept = folder / f"{COUNTERS_PREFIX}of-somebody-else"
    kept.mkdir()
    with started(tmp_path / "data", "--workers", "2", TMPDIR=str(folder)) as server:
        workers, valkey = workers_of(server), valkey_of(server.data)
        server.process.kill()
        server.process.wait()

        def are_gone() -> bool:
            """the end of all workers"""
            return not any(is_running(pid) for pid in workers)

        wait_until(are_gone, 1.0)
    os.kill(valkey, signal.SIGTERM)
    (left,) = set(folder.glob(f"{COUNTERS_PREFIX}*")) - {kept}
    options = ("--workers", "2", "--drain-s", "0")
    with (
        started(tmp_path / "one", *options, TMPDIR=str(folder)) as one,
        started(tmp_path / "two", *options, TMPDIR=str(folder)) as two,
    ):
        assert not left.exists()
        assert len(list(folder.glob(f"{COUNTERS_PREFIX}*"))) == 3
        for server in (one, two):
            assert counted(server, "stoppress_redis_line_up") == 2
    assert list(folder.glob(f"{COUNTERS_PREFIX}*")) == [kept]


def test_two_workers_end_cleanly(tmp_path: Path) -> None:
    """Exit 0, and no error in the log."""
    options = ("--workers", "2", "--drain-s", "0.1")
    with started(tmp_path / "data", *options) as server:
        workers = workers_of(server)
        assert server.end() == 0
        assert not any(is_running(pid) for pid in workers)
        assert server.log.read_text() == ""
