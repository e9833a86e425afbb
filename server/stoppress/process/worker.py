"""One process that serves; the supervisor starts `python -m stoppress.process.worker`.

Rules:
- It takes its listening sockets, a pipe to report "ready", and all settings from its
  parent; it binds nothing and owns no data.
- It never outlives its parent: the kernel kills it (Linux), and the end of its
  standard input ends it (everywhere).
- SIGTERM: no new connections, readers are disconnected spread over `drain_s`,
  then requests may finish for REQUEST_GRACE_S, then the parts are closed. Exit 0.
  A second signal ends it at once. With TLS, SIGHUP loads the certificate again.
- With TLS its port is a `TlsPort`; a Unix socket stays plain, for a proxy beside it.
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
from pathlib import Path
from typing import Any, cast

import uvicorn

from stoppress.app import ServerProcess
from stoppress.guard import log_format
from stoppress.guard.open_connections import ConnectionMetrics, OpenConnections
from stoppress.guard.unread_answers import UnreadAnswers, UnreadMetrics
from stoppress.overwrite_freed_memory import one_heap
from stoppress.process.certificate import Certificate, UnusableCertificate
from stoppress.process.core_files import leave_no_core
from stoppress.process.gc_settings_and_loop_lag import LOOP_TICK_S, PauseMetrics, Pauses
from stoppress.process.listening_sockets import copies_of, limit
from stoppress.process.preallocate_descriptor_table import make_room_for_descriptors
from stoppress.setting_variables import from_environment
from stoppress.settings import Settings
from stoppress.web.line.arrival_queue import ArrivalMetrics, ArrivalQueue, call_later
from stoppress.web.line.fast_path_or_uvicorn import ProtocolSelection
from stoppress.web.line.head_limits import HeadLimits, HeadMetrics
from stoppress.web.line.https_redirect import https_redirect
from stoppress.web.line.lingering_close import LingeringClose, LingeringMetrics
from stoppress.web.line.poll_sockets_with_one_epoll import SocketPoller, socket_poller
from stoppress.web.line.queued_ordinary_request import (
    RequestQueueMetrics,
    RequestQueues,
)
from stoppress.web.line.takeover import LiveWebSocket
from stoppress.web.line.tls_handshake import TlsMetrics, TlsPort

REQUEST_GRACE_S = 3
"""How long requests may run after the drain; uvicorn alone would wait forever."""
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
        self,
        config: uvicorn.Config,
        serving: ServerProcess,
        ready: int,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(config)
        settings = serving.settings
        self.server_state.connections = cast(
            Any,
            OpenConnections(
                settings.address_connections if settings.has_limits else 0,
                settings.networks,
                ConnectionMetrics(serving.metrics),
            ),
        )
        self._serving = serving
        self._ready = ready
        self._certificate = certificate
        self._tls_ports: list[TlsPort] = []
        self._poller: SocketPoller | None = None
        self._pauses = Pauses(PauseMetrics(serving.metrics))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on the first signal; uvicorn's handler would then kill the process."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(signum, self._stop)
        if self._certificate is not None:
            loop.add_signal_handler(signal.SIGHUP, self._certificate.reload)
        yield

    def _stop(self) -> None:
        if self.should_exit:
            os._exit(1)
        self.should_exit = True
        self._serving.over.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then report ready."""
        plain: list[socket.socket] = []
        others: list[socket.socket] = []
        for one in sockets or []:
            (others if self._is_special(one) else plain).append(one)
        await super().startup([copy for one in plain for copy in copies_of(one)])
        for one in others:
            await self._accept_from(one)
        self._pauses.settle()
        give_back()
        os.write(self._ready, b"1")
        os.close(self._ready)

    def _is_special(self, listener: socket.socket) -> bool:
        """Whether the socket needs more than uvicorn's own server."""
        return listener.family == socket.AF_UNIX or self._certificate is not None

    async def _accept_from(self, listener: socket.socket) -> None:
        """Serve a Unix socket, the TLS port, or the port that redirects to it."""
        loop = asyncio.get_running_loop()
        if listener.family == socket.AF_UNIX:
            server = await loop.create_unix_server(
                self._protocol, sock=listener, backlog=BACKLOG
            )
            self.servers.append(server)
        elif listener.getsockname()[1] == self._serving.settings.redirect_port:
            redirect = https_redirect(
                self._serving.settings,
                self._http.head_limits,
                self._http.lingering_close,
            )
            self.servers.append(
                await loop.create_server(redirect, sock=listener, backlog=BACKLOG)
            )
        else:
            self._accept_tls(listener)

    def _accept_tls(self, listener: socket.socket) -> None:
        certificate, metrics = self._certificate, self._serving.metrics
        assert certificate is not None  # noqa: S101 (for the type checker)
        if self._poller is None:
            self._poller = socket_poller(asyncio.get_running_loop())
        listener.listen(BACKLOG)
        port = TlsPort(
            listener,
            self._poller,
            lambda: certificate.context,
            self._protocol,
            # Without a rate: the live lines inside are the ones that are limited.
            ArrivalQueue(call_later, ArrivalMetrics()),
            self._http.head_limits,
            cast(OpenConnections, self.server_state.connections),
            TlsMetrics(metrics),
        )
        self._tls_ports.append(port)
        port.begin()

    @property
    def _http(self) -> ProtocolSelection:
        return cast(ProtocolSelection, self.config.http_protocol_class)

    def _protocol(self) -> asyncio.Protocol:
        """The protocol of a new connection, as uvicorn makes it."""
        return self._http(self.config, self.server_state, self.lifespan.state)

    async def main_loop(self) -> None:
        """Serve until a signal, or a part that failed, ends it.

        uvicorn's own polls ten times per second, which was more than half of an idle
        worker's CPU.
        """
        over = self._serving.over
        while not over.is_set():
            self._pauses.tick()
            self._serving.metrics.add_up()
            self._serving.refusals.flush()
            await self.on_tick(0)  # the Date header
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOP_TICK_S):
                    await over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain first: uvicorn's shutdown closes every connection at once."""
        for server in self.servers:
            server.close()
        for port in self._tls_ports:
            port.close()
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
    """Make the kernel end this process with its parent (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent died before this call.
        os._exit(1)


def give_back() -> None:
    """Return memory freed after the start to the system, where libc can (glibc).

    Otherwise it would be reused only slowly, as readers arrive: 3 MB here.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _end_with_stdin() -> None:
    if not os.read(0, 1):
        os._exit(1)


async def serve(settings: Settings, listen: list[int], ready: int) -> None:
    """Serve on inherited sockets until a signal says stop."""
    asyncio.get_running_loop().add_reader(0, _end_with_stdin)
    serving = ServerProcess(settings)
    metrics = serving.metrics
    protocol_selection = ProtocolSelection(
        serving.fast_path,
        ArrivalQueue(call_later, ArrivalMetrics(metrics), settings.handshakes_per_s),
        HeadLimits(
            call_later,
            HeadMetrics(metrics),
            settings.head_timeout_s,
            settings.max_head_bytes,
            max_pending=settings.pending_connections if settings.has_limits else 0,
        ),
        serving.refusals,
        UnreadAnswers(
            settings.unread_bytes if settings.has_limits else 0,
            UnreadMetrics(metrics),
        ),
        LingeringClose(call_later, LingeringMetrics(metrics)),
        RequestQueues(RequestQueueMetrics(metrics), serving.limits),
    )
    config = uvicorn.Config(
        serving.asgi,
        # A setting says which headers of proxies count.
        proxy_headers=False,
        http=cast(Any, protocol_selection),  # makes the protocols, as a class would
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
    certificate = None
    if settings.tls_cert:
        try:
            certificate = Certificate(Path(settings.tls_cert), Path(settings.tls_key))
        except UnusableCertificate as error:  # the parent has checked it
            log.error("%s", error)
            sys.exit(1)
    listeners = [socket.socket(fileno=one) for one in listen]
    for listener in listeners:
        limit(listener, serving.settings)
    await WorkerServer(config, serving, ready, certificate).serve(listeners)
    if serving.failed:
        sys.exit(1)


def main() -> None:
    """Run one worker: LISTEN_FD[,LISTEN_FD…] READY_FD PARENT_PID."""
    one_heap()
    listen = [int(text) for text in sys.argv[1].split(",")]
    ready, parent = (int(text) for text in sys.argv[2:])
    die_with(parent)
    make_room_for_descriptors()  # before there are threads, which would wait for it
    settings = from_environment(os.environ)
    log_format.set_up(settings.log_format)
    leave_no_core()
    # uvicorn only warns of refusals, which are logged here at a bounded rate.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(serve(settings, listen, ready))


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop  # only here: no other module depends on the loop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    main()
