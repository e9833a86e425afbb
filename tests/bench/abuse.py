"""What one abusive client does to everybody else: `python -m tests.bench.abuse KIND`.

A server of its own on loopback; the client, a process of its own, comes from
127.0.0.2, the bystanders (`bystanders.py`) from 127.0.0.1. Measured before and while it
goes on: the 99th percentiles of what the bystanders wait for, and the memory of the
worker. The server has one core, all clients the other one, where the abusive one yields
to the bystanders: their times are the server's. As root, the server and the bystanders
go before other programs of the machine too.

    half-open   connections that send nothing
    half-open-tls  connections that begin a TLS handshake, and do not go on
    slow        connections that send a byte, and another one every 10 s
    unread      requests for a page of large posts, not one of them read
    publishes   publishes of one token, which has used up its burst before
    sign-ins    sign-ins with guessed tokens
    kept-publishes, kept-sign-ins   the same on connections that are kept while they can
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import socket
import ssl
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import NamedTuple

from stoppress.bench import process_stats
from stoppress.guard.limits import WRITE_BURST_S
from stoppress.settings import Settings
from tests.bench.bystanders import ADDRESS, Bystanders, Seen
from tests.faults.server import ADMIN, Server
from tests.plain_http import ANY_CERTIFICATE

TOKEN_VARIABLE = "ABUSER_TOKEN"
ABUSER = "127.0.0.2"
CALM_S = 8.0
SERVER_NICENESS = -20
ABUSER_NICENESS = -19
"""Before other programs of the machine, and behind the bystanders."""
HELD_S = 8.0
"""How long connections are held once all are there."""
AT_ONCE = 64
"""Requests of the abuser at a time."""
TIMEOUT_S = 30.0


class Findings(NamedTuple):
    """What a kind of abuse did."""

    kind: str
    times: int
    statuses: dict[str, int]
    calm: Seen
    abused: Seen
    server_busy: float
    """CPU seconds of the worker per second of abuse."""
    seconds: float
    """How long the abuse took."""

    def told(self) -> dict[str, object]:
        """For people and programs."""
        calm, abused = self.calm, self.abused
        return {
            "kind": self.kind,
            "times": self.times,
            "statuses": self.statuses,
            "reader_p99_ratio": round(abused.reader_p99_ms / calm.reader_p99_ms, 2),
            "editor_p99_ratio": round(abused.editor_p99_ms / calm.editor_p99_ms, 2),
            "live_p99_ratio": round(abused.live_p99_ms / calm.live_p99_ms, 2),
            "server_busy": round(self.server_busy, 2),
            "rss_growth_mb": round(abused.rss_mb - calm.rss_mb, 1),
            "calm": calm._asdict(),
            "abused": abused._asdict(),
        }


async def ask(
    port: int,
    source: str,
    method: str,
    path: str,
    body: bytes = b"",
    headers: str = "",
    tls: bool = False,
) -> int:
    """One request on a connection of its own; its status, 0 without an answer."""
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    )
    writer = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1",
                port,
                local_addr=(source, 0),
                ssl=ANY_CERTIFICATE if tls else None,
            )
            writer.write(head.encode() + body)
            first = await reader.readline()
            await reader.read()
        return int(first.split()[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        return 0
    finally:
        if writer is not None:
            writer.close()


def bearer(token: str = ADMIN) -> str:
    """The header that authorizes."""
    return f"authorization: Bearer {token}\r\ncontent-type: application/json\r\n"


@contextlib.asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[list[socket.socket]]:
    """So many connections of the abuser, as fast as they are accepted."""
    loop = asyncio.get_running_loop()
    made: list[socket.socket] = []
    try:
        for n in range(count):
            one = socket.socket()
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.bind((ABUSER, 0))
            made.append(one)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await loop.sock_connect(one, ("127.0.0.1", port))
            if n % 50 == 0:
                await asyncio.sleep(0)
        yield made
    finally:
        for one in made:
            one.close()


def send(sockets: list[socket.socket], data: bytes) -> Counter[str]:
    """Send on each; what became of them."""
    outcome: Counter[str] = Counter()
    for one in sockets:
        try:
            one.send(data)
            outcome["open"] += 1
        except OSError:
            outcome["closed"] += 1
    return outcome


async def hold(port: int, count: int, data: bytes, again: bytes) -> Counter[str]:
    """Open connections, send something on each, and hold them."""
    async with connections(port, count) as sockets:
        outcome = send(sockets, data) if data else Counter[str]()
        await asyncio.sleep(HELD_S)
        return send(sockets, again) if again else outcome


class KeptConnection:
    """A connection that is used again until the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None
        self._reader = asyncio.StreamReader()

    async def post(self, path: str, body: bytes, headers: str) -> int:
        """One POST; its status, 0 without an answer."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\n"
            f"content-length: {len(body)}\r\n{headers}\r\n"
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if self._writer is None:
                    self._reader, self._writer = await asyncio.open_connection(
                        "127.0.0.1", self._port, local_addr=(ABUSER, 0)
                    )
                self._writer.write(head.encode() + body)
                answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
                length = answer.partition(b"content-length: ")[2].split(None, 1)[0]
                await self._reader.readexactly(int(length))
            if b"\r\nconnection: close" in answer:
                self.close()
            return int(answer.split()[1])
        except (OSError, TimeoutError, EOFError, IndexError, ValueError):
            self.close()
            return 0

    def close(self) -> None:
        """Close it; the next request opens another one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def flood(
    port: int, count: int, path: str, body: bytes, headers: str, *, is_kept: bool
) -> Counter[str]:
    """So many POSTs, AT_ONCE at a time."""
    outcome: Counter[str] = Counter()
    left = iter(range(count))

    async def some() -> None:
        connection = KeptConnection(port)
        for _ in left:
            if is_kept:
                status = await connection.post(path, body, headers)
            else:
                status = await ask(port, ABUSER, "POST", path, body, headers)
            outcome[str(status)] += 1
        connection.close()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return outcome


async def abuse(port: int, kind: str, count: int) -> Counter[str]:
    """Do it."""
    is_kept = kind.startswith("kept-")
    page = b"GET /v1/feeds/large/posts?limit=100 HTTP/1.1\r\nhost: x\r\n\r\n"
    match kind:
        case "half-open":
            return await hold(port, count, b"", b"GET")
        case "half-open-tls":
            return await hold(port, count, client_hello(), client_hello())
        case "slow":
            return await hold(port, count, b"G", b"E")
        case "unread":
            return await hold(port, count, page, b"")
        case "publishes" | "kept-publishes":
            post, path = json.dumps({"body": "x"}).encode(), "/v1/feeds/large/posts"
            headers = bearer(os.environ[TOKEN_VARIABLE])
            return await flood(port, count, path, post, headers, is_kept=is_kept)
        case _:
            origin = (
                f"origin: http://127.0.0.1:{port}\r\nsec-fetch-site: same-origin\r\n"
            )
            form = "content-type: application/x-www-form-urlencoded\r\n"
            body = b"token=sp_" + b"g" * 32
            path = "/desk/sign-in"
            return await flood(port, count, path, body, origin + form, is_kept=is_kept)


def client_hello() -> bytes:
    """The first bytes of a TLS client."""
    outgoing = ssl.MemoryBIO()
    client = ANY_CERTIFICATE.wrap_bio(ssl.MemoryBIO(), outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def put_first(pids: Iterable[int]) -> None:
    """Put processes before what else runs on this machine, where that is allowed.

    Not by SCHED_RR: the worker and its store share a core, and the store would wait for
    a tenth of a second whenever the worker is busy, as it does nowhere else.
    """
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                os.setpriority(os.PRIO_PROCESS, int(thread), SERVER_NICENESS)


def new_token(server: Server) -> str:
    """A token of the abuser's own."""
    draft = {"name": "abuser", "scopes": ["publish"], "feeds": ["large"]}
    request = urllib.request.Request(
        f"{server.url}/v1/tokens",
        json.dumps(draft).encode(),
        {"authorization": f"Bearer {ADMIN}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(
        request, timeout=TIMEOUT_S, context=ANY_CERTIFICATE
    ) as answer:
        return str(json.load(answer)["token"])


async def in_a_process(port: int, kind: str, count: int, token: str) -> dict[str, int]:
    """Do it from another process, so that nobody else waits for it here."""
    words = [sys.executable, "-m", "tests.bench.abuse", kind]
    nice = ("nice", "-n", str(ABUSER_NICENESS)) if os.geteuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        *(*nice, *words, "--count", str(count), "--port", str(port)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {TOKEN_VARIABLE: token},
    )
    said, _ = await process.communicate()
    outcome: dict[str, int] = json.loads(said)
    return outcome


DEFAULTS = {
    "half-open": 15_000,
    "half-open-tls": 15_000,
    "slow": 15_000,
    "unread": 5_000,
    "publishes": 100_000,
    "sign-ins": 100_000,
    "kept-publishes": 100_000,
    "kept-sign-ins": 100_000,
}


async def measured(
    kind: str, count: int, calm_s: float = CALM_S, core: int | None = None
) -> Findings:
    """A run on a server of its own; on this core, if one is given."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"STOPPRESS_LIMITS": "on"}
        tls = kind.endswith("-tls")
        server = Server(Path(folder), settings=settings, tls=tls, core=core)
        await server.start()
        try:
            for slug in ("x", "large"):
                made = json.dumps({"slug": slug, "title": slug}).encode()
                await ask(
                    *(server.port, ADDRESS, "POST", "/v1/feeds", made, bearer()),
                    tls=tls,
                )
            post = json.dumps({"body": "Rain. " * 6000}).encode()
            for _ in range(40 if kind == "unread" else 1):
                path = "/v1/feeds/large/posts"
                await ask(
                    *(server.port, ADDRESS, "POST", path, post, bearer()), tls=tls
                )
            token = await asyncio.to_thread(new_token, server)
            if kind.endswith("publishes"):
                burst = int(Settings().caller_writes_per_s * WRITE_BURST_S)
                await in_a_process(server.port, "kept-publishes", burst, token)
            if core is not None:
                put_first(server.pids())
            workers = server.workers()
            with Bystanders(server.port, "x", workers, tls=tls) as others:
                await asyncio.sleep(1)
                others.seen()
                await asyncio.sleep(calm_s)
                calm = others.seen()
                began, used = time.monotonic(), process_stats.cpu_s(workers)
                outcome = await in_a_process(server.port, kind, count, token)
                abused = others.seen()
                used = process_stats.cpu_s(workers) - used
            took_s = time.monotonic() - began
            return Findings(kind, count, outcome, calm, abused, used / took_s, took_s)
        finally:
            await server.stop()


def main() -> None:
    """Run one kind, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=DEFAULTS)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--port", type=int, default=0, help="be the client alone")
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = given.count or DEFAULTS[given.kind]
    if given.port:
        told: object = asyncio.run(abuse(given.port, given.kind, count))
    else:
        first, *others = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, others or {first})
        told = asyncio.run(measured(given.kind, count, core=first)).told()
    json.dump(told, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
