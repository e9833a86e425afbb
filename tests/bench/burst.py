"""A burst: one editor publishes as fast as it can, thousands read.

    python tests/bench/burst.py                    the hub over a log in memory
    python tests/bench/burst.py --real             `stoppress serve`: API, Valkey, all

The server is pinned to one core; loader and editor (and Valkey) have the other.
The loader counts bytes in bulk and finds posts only in a sample of its sockets, so
that it does not become what is measured; at the end every socket must have taken
the same number of bytes as those in the sample.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVER_CORE, LOADER_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")


SERVE = """
import asyncio, os
from stoppress.settings import from_environment
from stoppress.supervisor import Supervisor
async def ready(settings): pass
asyncio.run(Supervisor(from_environment(os.environ)).run(ready))
"""
"""What `stoppress serve` does, without its words."""


def say(text: str) -> None:
    """One line of what was found."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def serve(port: int) -> None:
    """The hub over a log in memory, with a door to publish through."""
    import uvicorn
    import uvloop
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from stoppress.web.takeover import LiveHttp, LiveWebSocket
    from tests.unit.web.liveroom import Liveroom

    async def main() -> None:
        room = Liveroom("takeover")
        room.paper.make("burst")

        async def publish(request: Request) -> Response:
            event = room.paper.publish("burst", (await request.body()).decode())
            return Response(str(event.seq), 201)

        room.starlette.router.routes.append(Route("/pub", publish, methods=["POST"]))
        config = uvicorn.Config(
            room.starlette,
            port=port,
            http=LiveHttp,
            ws=LiveWebSocket,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            backlog=8192,
        )
        await uvicorn.Server(config)._serve()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def publisher(
    port: int, path: str, headers: dict[str, str], bodies: list[bytes], sent: Any
) -> None:
    """Publish one post after the other on one connection, noting when."""
    os.sched_setaffinity(0, {LOADER_CORE})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for index, body in enumerate(bodies):
        sent[index] = time.monotonic()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise SystemExit(f"{answer.status}: {text!r}")


class Crowd:
    """Thousands of WebSocket readers in one process."""

    def __init__(self, port: int, count: int, feed: str, sample: int) -> None:
        self.sockets: dict[int, socket.socket] = {}
        self.taken: dict[int, int] = {}
        self.sampled: dict[int, bytearray] = {}
        self.poll = select.epoll()
        self._buffer = bytearray(1 << 20)
        self._view = memoryview(self._buffer)
        request = (
            f"GET /v1/live?feed={feed} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        waiting: set[int] = set()
        heads: dict[int, bytes] = {}
        while len(self.sockets) < count or waiting:
            while len(self.sockets) < count and len(waiting) < 200:
                peer = socket.create_connection(("127.0.0.1", port), 60)
                peer.sendall(request)
                peer.setblocking(False)
                fd = peer.fileno()
                self.sockets[fd] = peer
                self.poll.register(fd, select.EPOLLIN)
                waiting.add(fd)
            for fd, _ in self.poll.poll(10):
                data = self.sockets[fd].recv(65536)
                if not data:
                    raise SystemExit("the server closed a reader at the door")
                heads[fd] = heads.get(fd, b"") + data
                if b'"hello"' in heads[fd] and heads[fd].endswith(b"}"):
                    waiting.discard(fd)
        self.taken = dict.fromkeys(self.sockets, 0)
        step = max(1, count // sample)
        self.sampled = {fd: bytearray() for fd in list(self.sockets)[::step]}

    def read(self, posts: int, sent: Any) -> tuple[float, list[float], int]:
        """Read until all have `posts` posts: (last, latencies, bytes)."""
        mark = re.compile(rb'"cursor":"[a-z0-9]+-(\d+)"')
        seen = dict.fromkeys(self.sampled, 0)
        latencies: list[float] = []
        each, total, last = 0, 0, 0.0
        sockets, taken, view = self.sockets, self.taken, self._view
        while True:
            ready = self.poll.poll(30)
            if not ready:
                raise SystemExit("nothing comes any more")
            for fd, _ in ready:
                size = sockets[fd].recv_into(view)
                if not size:
                    raise SystemExit("the server closed a reader")
                taken[fd] += size
                total += size
                held = self.sampled.get(fd)
                if held is not None:
                    held += view[:size]
                    now = time.monotonic()
                    last_end = 0
                    for match in mark.finditer(held):
                        seen[fd] += 1
                        latencies.append(now - sent[seen[fd] - 1])
                        last_end = match.end()
                    del held[:last_end]
            last = time.monotonic()
            if not each and all(count == posts for count in seen.values()):
                # A post's last bytes may still be on their way; give them a turn.
                sizes = {taken[fd] for fd in self.sampled}
                each = sizes.pop() if len(sizes) == 1 else 0
            if each and total >= each * len(sockets):
                if set(taken.values()) != {each}:
                    raise SystemExit("not every reader got the same bytes")
                return last, latencies, total


def rss(pid: int) -> int:
    """Bytes of memory a process has."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) << 10


def cpu(pid: int) -> float:
    """Seconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(args: argparse.Namespace, port: int, data: str) -> subprocess.Popen[bytes]:
    """Start the server."""
    environ = dict(os.environ, PYTHONPATH=f"{ROOT / 'server'}:{ROOT}")
    if args.real:
        environ["STOPPRESS_ADMIN_TOKEN"] = "sp_bench"
        environ["STOPPRESS_PORT"] = str(port)
        environ["STOPPRESS_DATA"] = data
        command = [sys.executable, "-c", SERVE]
    else:
        command = [sys.executable, __file__, "--serve", str(port)]
    return subprocess.Popen(command, env=environ)


def worker_of(pid: int) -> int:
    """The process that serves: the child that is a worker, or the server itself."""
    for task in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"stoppress.worker" in Path(f"/proc/{task}/cmdline").read_bytes():
            return int(task)
    return pid


def until_up(port: int) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v1/live")
            if connection.getresponse().status == 426:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def pin(pid: int, core: int) -> None:
    """Pin every thread of a process to a core."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), {core})


def main() -> None:
    """Run the burst and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=5000)
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--sample", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--profile", default="")
    parser.add_argument("--serve", type=int, default=0)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        os.sched_setaffinity(0, {LOADER_CORE})
        server = start(args, port, data)
        try:
            until_up(port)
            worker = worker_of(server.pid)
            pin(worker, SERVER_CORE)
            run(args, port, worker)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def run(args: argparse.Namespace, port: int, worker: int) -> None:
    """Let the crowd in, and publish at it."""
    text = "n" * args.size
    if args.real:
        headers = {
            "Authorization": "Bearer sp_bench",
            "Content-Type": "application/json",
        }
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        feed = json.dumps({"slug": "burst", "title": "Burst"})
        connection.request("POST", "/v1/feeds", feed, headers)
        answer = connection.getresponse()
        assert answer.status == 201, answer.read()
        answer.read()
        path, body = "/v1/feeds/burst/posts", json.dumps({"body": text}).encode()
    else:
        headers, path, body = {}, "/pub", text.encode()
    before = rss(worker)
    began = time.monotonic()
    crowd = Crowd(port, args.readers, "burst", args.sample)
    took = time.monotonic() - began
    time.sleep(0.5)
    each = (rss(worker) - before) / args.readers
    say(
        f"{args.readers} readers in {took:.2f} s "
        f"({args.readers / took:.0f}/s with this loader), {each:.0f} B RSS each"
    )
    for round_ in range(args.rounds):
        sent = multiprocessing.RawArray("d", args.posts)
        bodies = [body] * args.posts
        spy = None
        if args.profile and round_ == args.rounds - 1:
            command = [str(Path(sys.executable).with_name("py-spy")), "record"]
            command += ["-n", "-r", "500", "-f", "raw"]
            command += ["-o", args.profile, "-p", str(worker), "-d", "3"]
            spy = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            time.sleep(0.7)
        used = cpu(worker)
        editor = multiprocessing.Process(
            target=publisher, args=(port, path, headers, bodies, sent)
        )
        editor.start()
        last, latencies, size = crowd.read(args.posts, sent)
        used = cpu(worker) - used
        editor.join(30)
        seconds = last - sent[0]
        deliveries = args.readers * args.posts
        say(
            f"round {round_ + 1}: {deliveries / seconds:,.0f} deliveries/s; "
            f"p50 {quantile(latencies, 0.5) * 1e3:.0f} ms, "
            f"p99 {quantile(latencies, 0.99) * 1e3:.0f} ms; "
            f"{used / deliveries * 1e6:.2f} µs CPU a delivery "
            f"(server busy {used / seconds:.0%}); {size / seconds / 1e6:,.0f} MB/s",
        )
        crowd.taken = dict.fromkeys(crowd.taken, 0)
        if spy is not None:
            spy.wait(20)
    say(f"RSS at the end: {rss(worker) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
