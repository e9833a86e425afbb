"""The parts of one run: server, Redis, proxies, readers, editors, a health watch.

Rules: everything real. One seed decides everything that is chance here. Kinds of
fault act on a Scene, and note in it what should not have been.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from stoppress.domain.cursor import Cursor
from stoppress.domain.fold import Json
from tests.contract.store.clusters import Cluster
from tests.contract.store.fleets import Fleet
from tests.contract.store.servers import Server as Store
from tests.faults.clocks import Clock
from tests.faults.fault_kind import (
    BUSY,
    CALM,
    FEEDS,
    GREEN_S,
    RED_S,
    SETTINGS,
    Kind,
    Outcome,
    Scale,
)
from tests.faults.health_watch import Watch
from tests.faults.judge import Fault
from tests.faults.paced_editor import PacedEditor
from tests.faults.proxy import Proxy
from tests.faults.reader import TRANSPORTS, Dialled, Reader, ReaderBehaviour
from tests.faults.server import Server, serving
from tests.faults.server_state import shown
from tests.plain_http import PLAIN
from tests.ports import reserve_port


class Witness(Reader):
    """A reader that remembers how it was sent away, and how late it heard."""

    byes: list[int]
    """The `retry_ms` of each bye."""

    @property
    def is_calm(self) -> bool:
        """Whether it stays on its line."""
        return self._calm

    def _take(self, message: Json, feeds: Sequence[str]) -> None:
        if message["type"] == "bye":
            self.byes.append(int(str(message["retry_ms"])))
        super()._take(message, feeds)


class Site:
    """A server's lines and snapshots, at one port."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self._port = port
        self._tls = PLAIN if tls else None
        self._client = httpx.AsyncClient(
            verify=PLAIN,
            base_url=f"http{'s' if tls else ''}://127.0.0.1:{port}",
            timeout=60.0,
            trust_env=False,
            limits=httpx.Limits(max_connections=30),
        )

    async def dial(self) -> Dialled:
        return await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)

    async def get(self, path: str) -> tuple[int, Json]:
        try:
            answer = await self._client.get(path)
            return answer.status_code, answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise OSError(str(error)) from error

    def gone(self, feed: str) -> frozenset[str]:
        """Nobody knows here what each process has heard of yet."""
        return frozenset()

    async def close(self) -> None:
        await self._client.aclose()


class SystemUnderTest:
    """Everything of one run; kinds of fault act on it."""

    def __init__(self, kind: Kind, seed: int, folder: Path, scale: Scale) -> None:
        self.kind = kind
        self.scale = scale
        self.chance = random.Random(seed)
        self.folder = folder
        self.outcome = Outcome(kind.name, seed, scale.readers)
        self.store: Store
        self.stores: list[Store] = []
        self.fleet: Fleet
        self.cluster: Cluster
        self.server: Server
        self.redis: Proxy
        self.front: Proxy | None = None
        self.clock: Clock | None = None
        self.desks: list[PacedEditor] = []
        self.readers: list[Witness] = []
        self.fronted: list[Witness] = []
        """The readers behind the proxy."""
        self.may_reset: set[Reader] = set()
        self.watch: Watch
        self._seed = seed

    # What stands there

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Set everything up; take everything down."""
        async with AsyncExitStack() as stack:
            options = ["--workers", str(self.kind.workers)]
            if self.kind.layout != "alone":
                options += ["--redis", await self._open_layout(stack)]
            elif self.kind.store:
                self.store = self.new_store(stack)
                await asyncio.to_thread(self.store.start)
                url = self.store.url
                if self.kind.by_proxy:
                    self.redis = Proxy(self._dial_store, self._seed)
                    await self.redis.open()
                    stack.push_async_callback(self.redis.close)
                    url = f"redis://127.0.0.1:{self.redis.port}"
                options += ["--redis", url]
            durability = self.kind.settings.get("STOPPRESS_DURABILITY", "")
            if "replicas" in durability and self.kind.layout == "alone":
                for _ in range(2):
                    one = self.new_store(stack)
                    primary = ("--replicaof", "127.0.0.1", str(self.store.port))
                    await asyncio.to_thread(one.start, *primary)
            settings = {**SETTINGS, **self.kind.settings}
            if self.kind.clock:
                self.clock = Clock(self.folder)
                settings |= self.clock.environment
            self.server = await stack.enter_async_context(
                serving(self.folder, *options, settings=settings, tls=self.kind.tls)
            )
            site = Site(self.server.port, tls=self.kind.tls)
            stack.push_async_callback(site.close)
            behind = site
            if self.kind.proxy_behaviour is not None:
                self.front = Proxy(
                    self._dial_server, self._seed, self.kind.proxy_behaviour
                )
                await self.front.open()
                stack.push_async_callback(self.front.close)
                behind = Site(self.front.port, tls=self.kind.tls)
                stack.push_async_callback(behind.close)
            self._people(site, behind)
            self.watch = Watch(self.server.url)
            for desk in self.desks:
                await desk.open()
            yield

    def new_store(self, stack: AsyncExitStack) -> Store:
        """A Redis or a Valkey, as chance will have it, that is gone at the end."""
        drawn = self.chance.choice(("valkey", "redis"))
        which = self.stores[0].kind if self.stores else self.kind.which or drawn
        port = reserve_port() if self.kind.by_proxy else 0
        folder = self.folder / f"store{len(self.stores)}"
        one = Store(which, folder, self.kind.store, port)
        self.stores.append(one)
        stack.callback(one.kill)
        return one

    async def _open_layout(self, stack: AsyncExitStack) -> str:
        """Several servers that stand for one another; their address."""
        which = self.kind.which or self.chance.choice(("valkey", "redis"))
        folder = self.folder / "stores"
        if self.kind.layout == "cluster":
            self.cluster = Cluster(which, folder, self.kind.store)
            stack.callback(self.cluster.kill)
            await self.cluster.start()
            return self.cluster.url
        self.fleet = Fleet(which, folder, self.kind.store, down_ms=2000)
        stack.callback(self.fleet.kill)
        await self.fleet.start()
        self.stores = list(self.fleet.servers)
        self.store = self.stores[0]
        return self.fleet.url

    def _people(self, site: Site, behind: Site) -> None:
        for number in range(self.outcome.readers):
            transport = TRANSPORTS[number % 3]
            feeds = FEEDS if transport == "websocket" else (FEEDS[number // 3 % 2],)
            fronted = self.front is not None and number // 3 % 3 == 0
            # One of five comes and goes of its own.
            restless = number % 5 == 0 and not fronted
            given = self.kind.reader_behaviour if fronted else CALM
            reader_behaviour = ReaderBehaviour(
                transports=(transport,),
                line_s=3.0 if restless else given.line_s,
                pause_s=given.pause_s,
                nap_s=given.nap_s,
                patience_s=given.patience_s,
                seek=0.02 if restless else 0.0,
            )
            reader = Witness(
                behind if fronted else site,
                feeds,
                self._seed * 1000 + number,
                reader_behaviour,
                may_lag=self.kind.lags,
            )
            reader.byes = []
            if not restless and given is CALM:
                reader.calm()
            self.readers.append(reader)
            if fronted:
                self.fronted.append(reader)
        if self.kind.resets:
            self.may_reset.update(self.readers)
        self.desks = [
            PacedEditor(
                self.server.url,
                self._seed + number,
                feed,
                self.kind.actions_per_second,
                self.kind.concurrency,
            )
            for number, feed in enumerate(FEEDS)
        ]

    async def _dial_store(self) -> Dialled:
        return await asyncio.open_unix_connection(str(self.store.socket))

    async def _dial_server(self) -> Dialled:
        # A small window, so that who does not read is felt soon.
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        end.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            await loop.sock_connect(end, ("127.0.0.1", self.server.port))
        except OSError:
            end.close()
            raise
        return await asyncio.open_connection(sock=end, limit=16 << 10)

    # What kinds of fault do and want

    @property
    def writers(self) -> Sequence[PacedEditor]:
        """The editors that work; the others only have a feed."""
        return self.desks[: self.scale.editors]

    def times(self, most: int) -> range:
        """How often a fault is done that is done again and again."""
        return range(math.ceil(most * self.scale.faults))

    def fault(self, kind: str, text: str) -> None:
        """Note what should not have been."""
        self.outcome.faults.append(Fault(kind, text))

    async def until(self, what: Callable[[], bool], within_s: float) -> bool:
        """Whether it comes true in that time, or BUSY times that in a test."""
        end = time.monotonic() + within_s * BUSY
        while not what():
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    async def red(self, since: float) -> None:
        """`/readyz` has to turn red in time."""
        if await self.until(lambda: self.watch.red_after(since) is not None, RED_S):
            self.outcome.notes["red after s"] = self.watch.red_after(since) or 0.0
        else:
            self.fault("health", f"/readyz is not red {RED_S:.0f} s after the fault")

    async def green(self, since: float) -> None:
        """`/readyz` has to turn green in time."""
        if await self.until(lambda: self.watch.green_after(since) is not None, GREEN_S):
            self.outcome.notes["green after s"] = self.watch.green_after(since) or 0.0
        else:
            self.fault("health", f"/readyz is not green {GREEN_S:.0f} s after the end")

    async def received(self, within_s: float) -> None:
        """What is published now has to reach everybody in time.

        But for who comes and goes: who cuts each line after some bytes never gets
        through an answer that is longer.
        """
        began = time.monotonic()
        before = {one.feed: one.actions for one in self.writers}
        there = await self.until(
            lambda: all(one.actions > before[one.feed] for one in self.writers),
            within_s,
        )
        goals = await self.cursors() if there else {}
        calm = [reader for reader in self.readers if reader.is_calm]
        if not there or not await self.until(
            lambda: all(self._is_at(reader, goals) for reader in calm),
            within_s - (time.monotonic() - began) / BUSY,
        ):
            late = [
                f"{one.name} on {one.transport}: "
                f"{ {f: str(j.position) for f, j in one.judges.items()} }"
                for one in calm
                if there and not self._is_at(one, goals)
            ]
            text = f"after {within_s:.0f} s {len(late)} lack {goals}: {late[:5]}"
            self.fault("late", text)
        self.outcome.notes["heard after s"] = time.monotonic() - began

    def _is_at(self, reader: Reader, goals: Mapping[str, Cursor]) -> bool:
        places = {feed: judge.position for feed, judge in reader.judges.items()}
        return all(
            place is not None
            and (place.epoch != goals[feed].epoch or place >= goals[feed])
            for feed, place in places.items()
        )

    async def cursors(self) -> dict[str, Cursor]:
        """Where each feed is now."""
        async with httpx.AsyncClient(
            verify=PLAIN, base_url=self.server.url, timeout=60, trust_env=False
        ) as client:
            snapshots = {f: await shown(client, f"/v1/feeds/{f}") for f in FEEDS}
        return {f: Cursor.parse(str(one["cursor"])) for f, one in snapshots.items()}

    async def readers_counted(self) -> int:
        """How many readers the server thinks it has."""
        async with httpx.AsyncClient(
            verify=PLAIN, trust_env=False, timeout=60
        ) as client:
            text = (await client.get(f"{self.server.url}/metrics")).text
        found = re.findall(r"^stoppress_readers{.*} ([\d.e+]+)$", text, re.MULTILINE)
        return int(sum(map(float, found)))
