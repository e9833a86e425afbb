"""One process that serves; the supervisor starts `python -m stoppress.process.worker`.

Rules:
- It takes its listening sockets, a pipe to say "ready" on, and all settings from its
  parent; it binds nothing and owns no data.
- It never outlives its parent: the kernel kills it (Linux), and the end of its
  standard input ends it (everywhere).
- SIGTERM: no new connections, readers are disconnected spread over `drain_s`,
  then requests may finish for REQUEST_GRACE_S, then the parts are closed. Exit 0.
  A second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any, cast

import uvicorn

from stoppress.app import ServerProcess
from stoppress.process.gc_pauses import LOOP_TICK_S, PauseMetrics, Pauses
from stoppress.process.listening_sockets import ears, limit
from stoppress.settings import from_environment
from stoppress.web.line.arrival_queue import ArrivalMetrics, ArrivalQueue, call_later
from stoppress.web.line.first_bytes import FirstBytes
from stoppress.web.line.head_limits import HeadLimits, HeadMetrics
from stoppress.web.line.takeover import LiveWebSocket

REQUEST_GRACE_S = 3
"""How long requests may run after the drain; uvicorn would wait without end."""
CLOSE_S = 5
"""How long the parts may take to close after that."""
KEEP_ALIVE_S = 75
"""Longer than proxies keep theirs, so that no connection is closed in use."""
BACKLOG = 4096
"""Connections the kernel queues: many readers reconnect at once."""

_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)


class WorkerServer(uvicorn.Server):
    """uvicorn's server, which reports when it is ready and drains before it ends."""

    def __init__(
        self, config: uvicorn.Config, serving: ServerProcess, ready: int
    ) -> None:
        super().__init__(config)
        self._serving = serving
        self._ready = ready
        self._pauses = Pauses(PauseMetrics(serving.metrics))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on the first signal; uvicorn's own would kill the process after it."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(signum, self._stop)
        yield

    def _stop(self) -> None:
        if self.should_exit:
            os._exit(1)
        self.should_exit = True
        self._serving.over.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then report ready."""
        given = sockets or []
        await super().startup([one for one in given if one.family != socket.AF_UNIX])
        for one in given:
            if one.family == socket.AF_UNIX:
                self.servers.append(await self._accept_from(one))
        self._pauses.settle()
        give_back()
        os.write(self._ready, b"1")
        os.close(self._ready)

    async def _accept_from(self, listener: socket.socket) -> asyncio.Server:
        """Serve a Unix socket, as uvicorn serves one that it binds itself."""

        def protocol() -> asyncio.Protocol:
            return self.config.http_protocol_class(  # type: ignore[call-arg]  # as there
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )

        return await asyncio.get_running_loop().create_unix_server(
            protocol, sock=listener, backlog=BACKLOG
        )

    async def main_loop(self) -> None:
        """Serve until a signal, or a part that failed, ends it.

        uvicorn's own polls ten times per second, which was more than half of an idle
        worker's CPU.
        """
        over = self._serving.over
        while not over.is_set():
            self._pauses.tick()
            self._serving.metrics.add_up()
            await self.on_tick(0)  # the Date header
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOP_TICK_S):
                    await over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain first: uvicorn's shutdown closes every connection at once."""
        for server in self.servers:
            server.close()
        try:
            async with asyncio.timeout(
                self._serving.settings.drain_s + REQUEST_GRACE_S
            ):
                await self._serving.drain()
        except TimeoutError:
            log.warning("readers remain after the drain; they are disconnected")
        try:
            async with asyncio.timeout(REQUEST_GRACE_S + CLOSE_S):
                await super().shutdown(sockets)
        except TimeoutError:
            log.warning("the server did not close within %d s; exiting anyway", CLOSE_S)
        self._serving.metrics.add_up()


def die_with(parent: int) -> None:
    """Have the kernel end this process with its parent, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent died before this call.
        os._exit(1)


def give_back() -> None:
    """Return memory freed after the start to the system, where libc can (glibc).

    Else readers would fill it only slowly: three megabytes here.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _end_with_stdin() -> None:
    if not os.read(0, 1):
        os._exit(1)


async def serve(listen: list[int], ready: int) -> None:
    """Serve on inherited sockets until a signal says stop."""
    asyncio.get_running_loop().add_reader(0, _end_with_stdin)
    serving = ServerProcess(from_environment(os.environ))
    settings, metrics = serving.settings, serving.metrics
    first_bytes = FirstBytes(
        serving.fast_path,
        ArrivalQueue(call_later, ArrivalMetrics(metrics), settings.handshakes_per_s),
        HeadLimits(
            call_later,
            HeadMetrics(metrics),
            settings.head_timeout_s,
            settings.max_head_bytes,
        ),
    )
    config = uvicorn.Config(
        serving.asgi,
        # Which headers of proxies count is a setting.
        proxy_headers=False,
        http=cast(Any, first_bytes),  # it makes the protocols, as a class would
        ws=LiveWebSocket,
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        # The hub sends beats and compresses itself: no pings, no compressor per reader.
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=REQUEST_GRACE_S,
    )
    listeners = [socket.socket(fileno=one) for one in listen]
    for listener in listeners:
        limit(listener, serving.settings)
    sockets = [ear for listener in listeners for ear in ears(listener)]
    await WorkerServer(config, serving, ready).serve(sockets)
    if serving.failed:
        sys.exit(1)


def main() -> None:
    """Run one worker: LISTEN_FD[,LISTEN_FD…] READY_FD PARENT_PID."""
    listen = [int(text) for text in sys.argv[1].split(",")]
    ready, parent = (int(text) for text in sys.argv[2:])
    die_with(parent)
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s [{os.getpid()}] %(name)s: %(message)s",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(serve(listen, ready))


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop  # only here: no other module depends on the loop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    main()
