"""One server process: builds its parts, connects them, and ends them in order.

Rules:
- It starts with or without Redis. Until Redis was reached once, every address but
  `/healthz` answers 503, and live lines are closed with BYE, to come back.
- Every task belongs to the one task group of `lifespan` and ends with it.
- Order of the end: drain (called by the worker, before connections are closed), then
  hub, follower and inbox, then the connections to Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from stoppress.desk.desk import Desk
from stoppress.desk.idempotency import Requester
from stoppress.desk.tokens import Tokens
from stoppress.domain.errors import MissingScope, Unauthenticated, Unavailable
from stoppress.hub.hub import Hub
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.log.connect import reach
from stoppress.log.follower import Follower
from stoppress.log.inbox import Inbox
from stoppress.log.log_metrics import FollowerMetrics, InboxMetrics, StoreMetrics
from stoppress.log.reader_census import RedisCensus
from stoppress.log.shards import Shards
from stoppress.log.store import RedisStore
from stoppress.metrics import ProcessMetrics
from stoppress.settings import BadSetting, Settings
from stoppress.web import problems
from stoppress.web.api import routes
from stoppress.web.endpoint import SHARED, preflight
from stoppress.web.line import live_routes
from stoppress.web.line.accept_header import accepts_event_stream
from stoppress.web.line.event_stream import retry_later
from stoppress.web.line.fast_path import FastPath
from stoppress.web.pages import desk_console, page_routes
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.services import Services
from stoppress.web.site_address import SiteAddress
from stoppress.web.snapshot_cache import SnapshotCache
from stoppress.wire.close_codes import CloseCode

MAX_REDIS_RETRY_S = 5.0
"""Between two tries to reach Redis at the start."""
FIRST_TRY_S = 2.0
"""How long the start waits for Redis before it continues without."""
_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> Starlette:
    """The application; `app.state.serving` is its ServerProcess."""
    return ServerProcess(settings).app


class ServerProcess:
    """One server process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = ProcessMetrics()
        self._hub_metrics = HubMetrics(self.metrics)
        self._store_metrics = StoreMetrics(self.metrics)
        self._follower_metrics = FollowerMetrics(self.metrics)
        self._inbox_metrics = InboxMetrics(self.metrics)
        self.app = Starlette(
            routes=waiting_routes(self._why_not, settings),
            exception_handlers=problems.exception_handlers(settings.base),
            lifespan=self._lifespan,
        )
        # Starlette's redirect names a host and scheme, which a proxy may hide from it.
        self.app.router.redirect_slashes = False
        self.app.state.serving = self
        self.asgi = SiteAddress(self.app, settings, self._elsewhere, self._prefer)
        """The application where the site is: under its path, at its address."""
        self._hub: Hub | None = None
        self._services_now: Services | None = None
        self.fast_path = FastPath()
        """Accepts readers without an ASGI task, once Redis was reached."""
        self.over = asyncio.Event()
        """The process should end: it was told to, or a part failed."""
        self.failed = False
        """Whether a part failed: the process should be restarted."""
        self._is_fresh = asyncio.Event()
        self._reason = "Redis has not been reached yet"

    async def drain(self) -> None:
        """Disconnect the readers, spread over `drain_s`."""
        if self._hub is not None:
            await self._hub.drain(self.settings.drain_s)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            life = group.create_task(self._live())
            try:
                # If Redis answers, fresh events arrive before the first request does.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FIRST_TRY_S):
                        await self._is_fresh.wait()
                yield
            finally:
                life.cancel()

    async def _live(self) -> None:
        """Connect to Redis, serve, and end all parts when cancelled."""
        shards = await self._reached()
        try:
            await self._serve(shards)
        except Exception:
            log.exception("a part of the server failed; this process exits")
            self.failed = True
            self.over.set()
        finally:
            await shards.aclose()

    async def _serve(self, shards: Shards) -> None:
        store = RedisStore(shards, self.settings, self._store_metrics)
        follower = Follower(
            shards,
            store,
            metrics=self._follower_metrics,
            feed_faults=self._hub_metrics.feed_faults,
        )
        hub = self._hub = Hub(
            follower, self.settings, self._hub_metrics, census=RedisCensus(shards)
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(shards.watch())
            group.create_task(follower.run())
            services = self._services(store, follower, hub)
            group.create_task(self._inbox(shards, services).run())
            self._open(services)
            try:
                while not follower.healthy:  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.01)
                self._is_fresh.set()
                await hub.watch()
            finally:
                await hub.stop()

    async def _reached(self) -> Shards:
        """The connections to Redis, however long they take."""
        wait_s = 0.1
        while True:
            try:
                return await reach(self.settings.redis, self.settings)
            except (Unavailable, BadSetting) as error:
                if str(error) != self._reason:
                    log.warning("%s; retrying", error)
                self._reason = str(error)
            # Full jitter: many processes wait for the same Redis.
            await asyncio.sleep(random.uniform(0, wait_s))
            wait_s = min(wait_s * 2, MAX_REDIS_RETRY_S)

    def _services(self, store: RedisStore, follower: Follower, hub: Hub) -> Services:
        settings = self.settings

        async def ready() -> None:
            if not follower.healthy:
                raise Unavailable(f"no events arrive: {follower.reason}")

        return Services(
            settings=settings,
            store=store,
            desk=Desk(store),
            hub=hub,
            snapshots=SnapshotCache(
                *(hub, store, settings),
                fresh=lambda: follower.healthy,
                faults=self._hub_metrics.feed_faults,
            ),
            tokens=Tokens(store, settings.admin_token),
            metrics=self.metrics,
            ready=ready,
        )

    def _inbox(self, shards: Shards, services: Services) -> Inbox:
        """The Redis inbox, which publishes by the same rules as HTTP."""

        async def publish(secret: str, feed: str, raw: bytes, key: str) -> None:
            token = await services.tokens.check(secret)
            if token is None:
                raise Unauthenticated("this server does not know the token")
            if not token.may("write", feed):
                raise MissingScope("write", feed)
            await services.desk.posts.publish(feed, raw, Requester(token.id, key))

        most = self.settings.max_body_bytes
        return Inbox(shards, publish, self._inbox_metrics, max_bytes=most)

    def _open(self, services: Services) -> None:
        """Serve all routes from now on."""
        self.app.router.routes[:] = newsroom_routes(services)
        self.fast_path.open(services)
        self._services_now = services

    def _prefer(self, settings: Settings) -> None:
        """Feeds that are opened from now on have this address on the live line."""
        if self._hub is not None:
            self._hub.settings = settings

    def _elsewhere(self, settings: Settings) -> ASGIApp:
        """The same site at an address that a trusted proxy told."""
        services = self._services_now
        if services is None:
            return self.app
        cache = SnapshotCache(
            *(services.hub, services.store, settings),
            fresh=services.snapshots.is_fresh,
            faults=self._hub_metrics.feed_faults,
        )
        return Starlette(
            routes=newsroom_routes(
                replace(services, settings=settings, snapshots=cache, forwarded=True)
            ),
            exception_handlers=problems.exception_handlers(settings.base),
        )

    def _why_not(self) -> str:
        return self._reason


def newsroom_routes(services: Services) -> list[BaseRoute]:
    """All routes of a server that reached Redis."""
    settings = services.settings
    return [
        *live_routes.routes(services),
        *routes.routes(services),
        *page_routes.routes(services),
        *desk_console.routes(services),
        *(demo_routes(settings.root) if settings.demo else ()),
        Route("/{path:path}/", slash_taker(settings.root), methods=_METHODS),
    ]


def demo_routes(root: str) -> list[BaseRoute]:
    """The pages and pictures of the demo."""
    folder = browser_folder()
    return [
        Route("/demo", lambda request: RedirectResponse(f"{root}/demo/", 308)),
        Mount("/demo/stop-press", StaticFiles(directory=folder / "stop-press")),
        Mount("/demo", StaticFiles(directory=folder / "demo", html=True)),
    ]


def slash_taker(root: str) -> Callable[[Request], Awaitable[Response]]:
    """Redirects an address with a slash at its end to the one without.

    By path alone, so that it works behind any proxy, and for pages of any site.
    """

    async def without_slash(request: Request) -> Response:
        # Two slashes at the beginning would name another host.
        path = f"{root}/" + quote(request.url.path.strip("/"))
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(path + query, 308, SHARED)

    return without_slash


def waiting_routes(why: Callable[[], str], settings: Settings) -> list[BaseRoute]:
    """What a process answers that has not reached Redis yet."""

    async def healthz(request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def unavailable(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight("GET, HEAD, OPTIONS")
        if request.url.path.endswith("/events") and accepts_event_stream(
            request.headers.getlist("accept")
        ):
            response = retry_later(random.randint(0, settings.retry_ms))
        else:
            response = problems.answer(Unavailable(why()), settings.base)
        if request.method in ("GET", "HEAD"):
            # A widget on another site must tell this from a broken connection.
            response.headers.update(SHARED)
        return response

    async def away(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(CloseCode.BYE, why())

    return [
        Route("/healthz", healthz),
        Route("/{path:path}", unavailable, methods=_METHODS),
        WebSocketRoute("/{path:path}", away),
    ]
