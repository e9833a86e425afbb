"""One server process, put together: who gets what, and in which order all ends.

Rules:
- It starts whether Redis is there or not. Until it was reached once there is no
  newsroom: every address answers 503, `/healthz` apart, and live lines are sent
  away to come back.
- Every task belongs to the one task group of `lifespan` and ends with it.
- The end: drain (the worker asks for it, before connections are closed), then hub,
  follower and inbox, then the links to Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
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
from stoppress.web.line import live_routes
from stoppress.web.line.accept import accepts_event_stream
from stoppress.web.line.event_stream import come_back
from stoppress.web.line.fast_path import FastPath
from stoppress.web.pages import desk_console, page_routes
from stoppress.web.pages.browser_folder import browser_folder
from stoppress.web.resource import SHARED, preflight
from stoppress.web.services import Services
from stoppress.web.snapshot_cache import SnapshotCache
from stoppress.wire.close_codes import CloseCode

MAX_REDIS_RETRY_S = 5.0
"""Between two tries to reach Redis at the start."""
FIRST_TRY_S = 2.0
"""How long the start waits for Redis, before it goes on without."""
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
        # Starlette's own names a host and a scheme, which a proxy may not have told it.
        self.app.router.redirect_slashes = False
        self.app.state.serving = self
        self._hub: Hub | None = None
        self.fast_path = FastPath()
        """Where readers come in without an ASGI task, once there is a newsroom."""
        self.over = asyncio.Event()
        """The process should end: it was told to, or a part failed."""
        self.failed = False
        """Whether a part ended that must not: the process should start anew."""
        self._is_fresh = asyncio.Event()
        self._reason = "Redis was not reached yet"

    async def drain(self) -> None:
        """Send the readers away, spread over `drain_s`."""
        if self._hub is not None:
            await self._hub.drain(self.settings.drain_s)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            life = group.create_task(self._live())
            try:
                # Where Redis is there, the first request finds fresh events arriving.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FIRST_TRY_S):
                        await self._is_fresh.wait()
                yield
            finally:
                life.cancel()

    async def _live(self) -> None:
        """Reach Redis, serve over it, and take all apart when cancelled."""
        shards = await self._reached()
        try:
            await self._serve(shards)
        except Exception:
            log.exception("a part of the server failed; this process ends")
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
        """The links to Redis, however long that takes."""
        wait_s = 0.1
        while True:
            try:
                return await reach(self.settings.redis, self.settings)
            except (Unavailable, BadSetting) as error:
                if str(error) != self._reason:
                    log.warning("%s; trying on", error)
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
        """Whatever speaks Redis publishes by the same rules as over HTTP."""

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
        """From now on there is a newsroom."""
        self.app.router.routes[:] = [
            *live_routes.routes(services),
            *routes.routes(services),
            *page_routes.routes(services),
            *desk_console.routes(services),
            *(demo_routes() if self.settings.demo else ()),
            Route("/{path:path}/", without_slash, methods=_METHODS),
        ]
        self.fast_path.open(services)

    def _why_not(self) -> str:
        return self._reason


def demo_routes() -> list[BaseRoute]:
    """The pages and pictures of the demo, beside a newsroom that plays it."""
    folder = browser_folder()
    return [
        Route("/demo", lambda request: RedirectResponse("/demo/", 308)),
        Mount("/demo/stop-press", StaticFiles(directory=folder / "stop-press")),
        Mount("/demo", StaticFiles(directory=folder / "demo", html=True)),
    ]


async def without_slash(request: Request) -> Response:
    """Send who asks for an address with a slash at its end to the one without.

    By path alone, so that it holds behind any proxy, and for pages of any site.
    """
    # Two slashes at the beginning would name another host.
    path = "/" + quote(request.url.path.strip("/"))
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(path + query, 308, SHARED)


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
            response = come_back(random.randint(0, settings.retry_ms))
        else:
            response = problems.answer(Unavailable(why()), settings.base)
        if request.method in ("GET", "HEAD"):
            # A widget on another site must be able to tell this from a dead line.
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
