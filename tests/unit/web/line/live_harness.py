"""A live line on loopback: a real uvicorn over a log in memory.

`on_every_server` runs a test over each way to serve it: with the transport taken
over (on uvloop and on asyncio's own loop, by the fast path and by Starlette's
path, and over TLS) and on the plain path of ASGI.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import httpx
import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from stoppress.guard.limits import LimitMetrics, Limits
from stoppress.guard.open_connections import OpenConnections
from stoppress.hub.hub import Hub
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.process.certificate import load
from stoppress.process.listening_sockets import limit, listen
from stoppress.settings import Settings
from stoppress.web.line import websocket_and_events_routes
from stoppress.web.line.arrival_queue import ArrivalMetrics, ArrivalQueue, call_later
from stoppress.web.line.fast_path_or_uvicorn import ProtocolSelection
from stoppress.web.line.fast_websocket_handshake import FastPath
from stoppress.web.line.head_limits import HeadLimits, HeadMetrics
from stoppress.web.line.http_protocol import LiveHttp
from stoppress.web.line.poll_sockets_with_one_epoll import socket_poller
from stoppress.web.line.queued_ordinary_request import (
    RequestQueueMetrics,
    RequestQueues,
)
from stoppress.web.line.recheck_rights import LineRights
from stoppress.web.line.takeover import LiveWebSocket
from stoppress.web.line.tls_handshake import TlsMetrics, TlsPort
from stoppress.web.problems import exception_handlers
from stoppress.web.services import Services
from tests.certificates import for_this_machine, trust
from tests.plain_http import PLAIN
from tests.scripted_upstream import ScriptedUpstream
from tests.tally import Tally
from tests.unit.web.line.known_callers import FewCallers, NoTickets
from tests.waiting import until

Message = dict[str, Any]
CHECK_PEER_AFTER_S = 20.0
"""How long anything may take before a test fails; nothing waits for it."""


class Ledger(Tally):
    """Counts what the tests ask about."""

    @property
    def here(self) -> int:
        """Readers connected now."""
        return self.sum("stoppress_readers")

    @property
    def came(self) -> int:
        """Readers that ever came."""
        return sum(one.amount > 0 for one in self.of("stoppress_readers"))

    @property
    def encodes(self) -> int:
        """Events that were encoded."""
        return self.sum("stoppress_encoded")

    @property
    def codes(self) -> list[int]:
        """The codes with which the hub ended lines."""
        return [int(one.label) for one in self.of("stoppress_closed")]

    @property
    def waits(self) -> int:
        """Newcomers that had to wait."""
        return self.sum("stoppress_handshakes_waited")

    @property
    def waited_requests(self) -> int:
        """Requests that had to wait for their turn."""
        return self.sum("stoppress_requests_waited")

    @property
    def outs(self) -> int:
        """Newcomers closed at the gate."""
        return self.sum("stoppress_handshakes_shut_out")

    @property
    def refused_heads(self) -> int:
        """Heads that were too late, or too long."""
        return self.sum("stoppress_heads_refused")


class LiveServer:
    """A server under test."""

    def __init__(self, path: str, **changes: Any) -> None:
        self.path = path
        self.settings = Settings(**{"public_url": "http://h", **changes})
        self.upstream = ScriptedUpstream()
        self.ledger = Ledger()
        self.time = 1_795_000_000.0
        self.hub = Hub(
            self.upstream, self.settings, HubMetrics(self.ledger), lambda: self.time
        )
        nothing = cast(Any, None)
        self.services = Services(
            settings=self.settings,
            store=cast(Any, self.upstream.store),
            desk=nothing,
            hub=self.hub,
            snapshots=nothing,
            callers=cast(Any, FewCallers()),
            tickets=cast(Any, NoTickets()),
            line_rights=LineRights(cast(Any, FewCallers()), self.hub),
            tokens=nothing,
            identity=nothing,
            metrics=nothing,
            limits=Limits(self.settings, LimitMetrics(self.ledger)),
        )
        self.arrival_queue = ArrivalQueue(
            call_later, ArrivalMetrics(self.ledger), self.settings.handshakes_per_s
        )
        self.request_queues = RequestQueues(RequestQueueMetrics(self.ledger))
        self.head_limits = HeadLimits(
            lambda _, look: self.looks.append(look),
            HeadMetrics(self.ledger),
            self.settings.head_timeout_s,
            self.settings.max_head_bytes,
            lambda: self.time,
        )
        self.looks: list[Callable[[], None]] = []
        """What the heads' timer would call."""
        self.starlette = Starlette(
            routes=websocket_and_events_routes.routes(self.services),
            exception_handlers=cast(Any, exception_handlers("http://h")),
        )
        self.asked = 0
        """How many connections and requests came to the ASGI application."""
        self.server: uvicorn.Server = nothing
        self.port = 0
        self.trust = trust() if path == "tls" else None
        """What a client needs for TLS."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[LiveServer]:
        """The server, from its start to its end."""
        (listener,) = await listen("127.0.0.1", 0, 1)
        limit(listener, self.settings)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            http=self._http(),
            ws="websockets-sansio" if self.path == "plain" else LiveWebSocket,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(config)
        plain = [] if self.trust else [listener]
        serving = asyncio.create_task(self.server._serve(plain))
        await self.until(lambda: self.server.started)
        over_tls = self.tls_port(listener, config) if self.trust else None
        try:
            yield self
        finally:
            if over_tls is not None:
                over_tls.close()
            await self.hub.stop()
            self.server.should_exit = True
            await asyncio.wait_for(serving, CHECK_PEER_AFTER_S)

    def tls_port(self, listener: socket.socket, config: uvicorn.Config) -> TlsPort:
        """The same server over TLS."""
        listener.listen()
        context = load(*for_this_machine())
        port = TlsPort(
            listener,
            socket_poller(asyncio.get_running_loop()),
            lambda: context,
            lambda: config.http_protocol_class(  # type: ignore[call-arg]  # as there
                config=config, server_state=self.server.server_state, app_state={}
            ),
            ArrivalQueue(call_later, ArrivalMetrics()),
            self.head_limits,
            OpenConnections(),
            TlsMetrics(self.ledger),
        )
        port.begin()
        return port

    async def create_feeds(self) -> None:
        """Make two feeds; open one, where that is what the fast path is for."""
        self.upstream.make("x")
        self.upstream.make("other")
        if self.path in ("fast_path", "tls"):
            await self.hub.channel("x")

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The application."""
        self.asked += 1
        await self.starlette(scope, receive, send)

    def _http(self) -> Any:
        if self.path == "plain":
            return "httptools"
        if self.path == "takeover":
            return LiveHttp
        fast_path = FastPath(self.settings.root)
        fast_path.open(self.services)
        return ProtocolSelection(
            *(fast_path, self.arrival_queue, self.head_limits),
            request_queues=self.request_queues,
        )

    @property
    def http(self) -> str:
        """The address for HTTP."""
        return f"http{'s' if self.trust else ''}://127.0.0.1:{self.port}"

    def ws(self, query: str, *, compression: str | None = None, **more: Any) -> connect:
        """A WebSocket to the live line."""
        if self.trust:
            more["ssl"] = self.trust
        return connect(
            f"ws{self.http.removeprefix('http')}/v1/live?{query}",
            compression=compression,
            ping_interval=None,
            open_timeout=CHECK_PEER_AFTER_S,
            close_timeout=CHECK_PEER_AFTER_S,
            **more,
        )

    @contextlib.asynccontextmanager
    async def stream(
        self, feed: str, query: str = "", **headers: str
    ) -> AsyncIterator[EventStream]:
        """An event stream; status and headers are on `.response`."""
        async with httpx.AsyncClient(
            verify=self.trust or PLAIN, timeout=CHECK_PEER_AFTER_S
        ) as client:
            async with client.stream(
                "GET",
                f"{self.http}/v1/feeds/{feed}/events?{query}",
                headers={"accept": "text/event-stream"}
                | {name.replace("_", "-"): value for name, value in headers.items()},
            ) as response:
                yield EventStream(response)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """One plain request."""
        async with httpx.AsyncClient(
            verify=self.trust or PLAIN, timeout=CHECK_PEER_AFTER_S
        ) as client:
            return await client.get(self.http + path, headers=headers)

    def publish(self, count: int, feed: str = "x") -> None:
        """Publish some posts."""
        for _ in range(count):
            self.upstream.publish(feed)

    def size(self) -> int:
        """How many follow the feed x."""
        channel = self.hub._channels.find("x")
        return channel.size if channel is not None else 0

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until the server has come so far."""
        await until(true, CHECK_PEER_AFTER_S)


class EventStream:
    """What an EventSource would hand over."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.retry: list[int] = []

    async def next(self) -> tuple[str, str | None, Message] | None:
        """The next event as (event, id, data); None at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(CHECK_PEER_AFTER_S):
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                    continue
                if "retry" in fields:
                    self.retry.append(int(fields["retry"]))
                if "data" in fields:
                    data = json.loads(fields["data"])
                    return fields["event"], fields.get("id"), data
                fields = {}
        return None

    async def take(self, count: int) -> list[Message]:
        """The next `count` messages."""
        found: list[Message] = []
        for _ in range(count):
            event = await self.next()
            assert event is not None
            assert event[0] == event[2]["type"]
            found.append(event[2])
        return found


async def take(socket: ClientConnection, count: int) -> list[Message]:
    """The next `count` messages of a WebSocket."""
    async with asyncio.timeout(CHECK_PEER_AFTER_S):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def code(socket: ClientConnection) -> int | None:
    """The code with which the server closes, whatever comes before."""
    async with asyncio.timeout(CHECK_PEER_AFTER_S):
        await socket.wait_closed()
    return socket.close_code


def cursors(messages: list[Message]) -> list[str]:
    """Type and seq of each message, in short."""
    return [f"{m['type'].split('.')[-1]} {m['cursor']}" for m in messages]


Test = Callable[[LiveServer], Awaitable[None]]


def on_every_server(**changes: Any) -> Callable[[Test], Callable[[str, str], None]]:
    """Run a test over each way to serve; `changes` are settings."""

    def decorate(test: Test) -> Callable[[str, str], None]:
        @pytest.mark.parametrize(
            ("path", "loop"),
            [
                ("fast_path", "uvloop"),
                ("fast_path", "asyncio"),
                ("takeover", "uvloop"),
                ("takeover", "asyncio"),
                ("tls", "uvloop"),
                ("plain", "asyncio"),
            ],
        )
        @functools.wraps(test)
        def run(path: str, loop: str) -> None:
            async def scenario() -> None:
                async with asyncio.timeout(60):
                    async with LiveServer(path, **changes).running() as live:
                        await live.create_feeds()
                        await test(live)

            factory = (
                uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
            )
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(scenario())

        # pytest must see the parameters of `run`, not those of the test.
        del run.__wrapped__
        return run

    return decorate
