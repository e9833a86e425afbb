"""One server process: builds its parts, connects them, and ends them in order.

Rules:
- It starts with or without Redis. Until Redis has been reached once, every address but
  `/healthz` answers 503, and live lines are closed with BYE, so that readers reconnect.
- Every task belongs to the one task group of `lifespan` and ends with it.
- Order at the end: drain (called by the worker, before connections are closed), then
  hub, follower and inbox, then the connections to Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

from starlette.applications import Starlette
from starlette.types import ASGIApp

from stoppress.build_schedule_and_inbox import redis_inbox, scheduled_posts
from stoppress.desk.choose_credential_source import Callers, CallerSource
from stoppress.desk.desk import Desk
from stoppress.desk.manage_and_check_tokens import Tokens
from stoppress.desk.private_feed_read_tickets import TicketMetrics, Tickets
from stoppress.desk.publish_due_drafts import ScheduleMetrics
from stoppress.desk.restore_lost_schedule_entries import ScheduleRestore
from stoppress.domain.audit import digests
from stoppress.domain.errors import Unavailable
from stoppress.guard.limits import LimitMetrics, Limits
from stoppress.guard.refusal_log import RefusalLog, RefusalMetrics
from stoppress.hub.hub import Hub
from stoppress.hub.hub_metrics import HubMetrics
from stoppress.identity.build_and_run_identity_parts import Identity
from stoppress.link_cards.allowed_fetch_targets import target_of
from stoppress.link_cards.link_cards import LinkCardMetrics, link_cards
from stoppress.link_cards.system_resolver import SystemResolver
from stoppress.log.audit_log import RedisAudit
from stoppress.log.connect import reach
from stoppress.log.erase_post_in_all_processes import (
    OVERWRITE_AGAIN_S,
    PostErasure,
)
from stoppress.log.follower import Follower
from stoppress.log.log_metrics import (
    ErasureMetrics,
    FollowerMetrics,
    InboxMetrics,
    StoreMetrics,
)
from stoppress.log.publish_from_redis_inbox import Inbox
from stoppress.log.reader_census import RedisCensus
from stoppress.log.session_and_single_use_store import RedisSessionStore
from stoppress.log.shard_pools import Shards
from stoppress.log.shared_limits import SharedLimits
from stoppress.log.store import RedisStore
from stoppress.log.upload_records_and_used_pictures import UploadRecords
from stoppress.media.picture_files_in_folder_or_s3 import MediaFiles
from stoppress.media.picture_library import Pictures
from stoppress.media.run_encoder_processes import PictureEncoder, PictureMetrics
from stoppress.media.unused_pictures import SWEEP_EVERY_S, keep_removing_unused
from stoppress.metrics import ProcessMetrics
from stoppress.overwrite_freed_memory import (
    overwrite_freed_memory,
    overwrite_when_freed,
)
from stoppress.purge_withdrawn_posts_from_caches import CachePurge, PurgeMetrics
from stoppress.routes_before_and_after_redis import newsroom_routes, waiting_routes
from stoppress.setting_variables import settings_as_text
from stoppress.settings import BadSetting, Settings
from stoppress.web import problems
from stoppress.web.edge.add_request_id_and_log_refusal import RequestTrace
from stoppress.web.edge.fast_feed_routing import IndexedStarlette
from stoppress.web.line.fast_websocket_handshake import FastPath
from stoppress.web.line.recheck_rights import LineRights
from stoppress.web.services import Services
from stoppress.web.site_address_and_path_prefix import SiteAddress
from stoppress.web.snapshot_cache import SnapshotCache
from stoppress.webhooks.delivery import WebhookDelivery, WebhookMetrics
from stoppress.webhooks.post_to_webhook import WebhookSender

MAX_REDIS_RETRY_S = 5.0
"""Longest wait between two attempts to reach Redis at the start."""
FILLING_S = max(OVERWRITE_AGAIN_S) + 15.0
"""How long freed blocks are filled after an erasure: beyond its last overwrite of freed
memory, which takes a while."""
FIRST_TRY_S = 2.0
"""How long the start waits for Redis before it continues without it."""

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
        self._erasure_metrics = ErasureMetrics(self.metrics)
        self._purge = CachePurge(
            settings.purge_addresses, settings.base, PurgeMetrics(self.metrics)
        )
        self._webhook_metrics = WebhookMetrics(self.metrics)
        self._schedule_metrics = ScheduleMetrics(self.metrics)
        self._inbox_metrics = InboxMetrics(self.metrics)
        self.app = IndexedStarlette(
            routes=waiting_routes(self._why_not, settings),
            exception_handlers=problems.exception_handlers(settings.base),
            lifespan=self._lifespan,
        )
        # Starlette's own redirect contains host and scheme, which may differ behind a
        # proxy.
        self.app.router.redirect_slashes = False
        self.app.state.serving = self
        self.refusals = RefusalLog(RefusalMetrics(self.metrics))
        self._resolver = SystemResolver()
        self._link_card_metrics = LinkCardMetrics(self.metrics)
        self.limits = Limits(settings, LimitMetrics(self.metrics))
        site = SiteAddress(self.app, settings, self._elsewhere, self._prefer)
        self.asgi = RequestTrace(site, settings.networks, self.refusals)
        """The application at the site's address, with its path."""
        self._hub: Hub | None = None
        self._services_now: Services | None = None
        self.fast_path = FastPath(settings.root)
        """Accepts readers without an ASGI task, once Redis has been reached."""
        self.over = asyncio.Event()
        """Set when the process should end: on request, or because a part failed."""
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
                # If Redis answers, events arrive before the first request.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FIRST_TRY_S):
                        await self._is_fresh.wait()
                yield
            finally:
                life.cancel()

    async def _live(self) -> None:
        """Connect to Redis and serve; when cancelled, end all parts."""
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
        erasure = PostErasure(shards, store.audit, self._erasure_metrics)
        follower = Follower(
            shards,
            store,
            metrics=self._follower_metrics,
            feed_faults=self._hub_metrics.feed_faults,
            announcements=erasure,
        )
        hub = self._hub = Hub(
            follower,
            self.settings,
            self._hub_metrics,
            census=RedisCensus(shards),
            refusals=self.refusals,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(_audit_settings(store, self.settings))
            group.create_task(shards.watch())
            group.create_task(follower.run())
            group.create_task(SharedLimits(shards, self.limits.shared).run())
            tokens = Tokens(store, self.settings.admin_secret)
            group.create_task(tokens.run())
            identity = self._identity(shards, tokens, store.audit)
            group.create_task(identity.run())
            pictures, uploads = self._pictures(), self._uploads(shards, store)
            desk = Desk(
                store,
                eraser=erasure,
                purge=self._purge.purge,
                check_address=partial(target_of, internal=self.settings.internal_hosts),
                uploads=uploads,
                library=pictures,
                site=self.settings.base,
                max_drafts=self.settings.max_drafts,
            )
            group.create_task(
                keep_removing_unused(
                    *(pictures.files, pictures, uploads),
                    self.settings.unused_media_days,
                    lambda: uploads.claim_removal(SWEEP_EVERY_S - 60),
                )
            )
            services = self._services(store, desk, follower, hub, tokens, identity)
            group.create_task(services.line_rights.run())
            group.create_task(
                scheduled_posts(store, desk, self._schedule_metrics).run()
            )
            group.create_task(ScheduleRestore(store).run())
            group.create_task(self._webhooks(store).run())
            inbox = redis_inbox(shards, services, self._inbox_metrics)
            group.create_task(inbox.run())
            services.caches.add(services.snapshots)
            services.caches.add(services.post_lists)
            services.caches.add(pictures)
            forget = partial(_forget, services)
            overwrite = partial(_overwrite, inbox, follower)
            group.create_task(erasure.run(forget, overwrite))
            self._open(services)
            try:
                while not follower.healthy:  # noqa: ASYNC110  # it has no event for this
                    await asyncio.sleep(0.01)
                self._is_fresh.set()
                await hub.watch()
            finally:
                await hub.stop()
                await self._purge.stop()
                await pictures.stop()
                self._resolver.close()

    def _pictures(self) -> Pictures:
        metrics = PictureMetrics(self.metrics)
        encoder = PictureEncoder(self.settings.media_pixels, metrics)
        return Pictures(encoder, MediaFiles(self.settings.media_place), metrics)

    def _uploads(self, shards: Shards, store: RedisStore) -> UploadRecords:
        hours = self.settings.idempotency_hours
        shown = (self.settings.publisher_logo,)
        return UploadRecords(shards, store.audit, hours * 3600, shown)

    async def _reached(self) -> Shards:
        """The connections to Redis; waits until they can be made."""
        wait_s = 0.1
        while True:
            try:
                return await reach(self.settings.redis, self.settings)
            except (Unavailable, BadSetting) as error:
                if str(error) != self._reason:
                    log.warning("%s; retrying", error)
                self._reason = str(error)
            # Full jitter: many processes wait for the same Redis.
            await asyncio.sleep(random.uniform(0, wait_s))  # noqa: S311 (spreads load, no secret)
            wait_s = min(wait_s * 2, MAX_REDIS_RETRY_S)

    def _identity(self, shards: Shards, tokens: Tokens, audit: RedisAudit) -> Identity:
        async def has_no_token() -> bool:
            return not self.settings.admin_secret and not await tokens.all()

        return Identity(
            self.settings,
            RedisSessionStore(shards),
            tokens,
            has_no_token,
            audit,
            self.metrics,
        )

    def _services(
        self,
        store: RedisStore,
        desk: Desk,
        follower: Follower,
        hub: Hub,
        tokens: Tokens,
        identity: Identity,
    ) -> Services:
        settings = self.settings
        tickets = Tickets(
            store,
            most_s=settings.max_ticket_s,
            metrics=TicketMetrics(self.metrics),
        )
        sources: list[CallerSource] = [tokens, tickets, identity.sessions]
        if identity.jwt is not None:
            sources.append(identity.jwt)
        callers = Callers(*sources)
        line_rights = LineRights(callers, hub)
        hub.renewal = line_rights.renewed

        async def ready() -> None:
            if not follower.healthy:
                raise Unavailable(f"no events arrive: {follower.reason}")

        return Services(
            settings=settings,
            store=store,
            desk=desk,
            hub=hub,
            snapshots=SnapshotCache(
                *(hub, store, settings),
                fresh=lambda: follower.healthy,
                faults=self._hub_metrics.feed_faults,
            ),
            callers=callers,
            tickets=tickets,
            line_rights=line_rights,
            tokens=tokens,
            identity=identity,
            metrics=self.metrics,
            limits=self.limits,
            audit=store.audit,
            link_cards=link_cards(settings, self._resolver, self._link_card_metrics),
            purge=self._purge.begin,
            ready=ready,
        )

    def _webhooks(self, store: RedisStore) -> WebhookDelivery:
        """Sends events to webhooks, at addresses that are public."""
        return WebhookDelivery(
            store,
            WebhookSender(self._resolver, internal=self.settings.internal_hosts),
            self.settings.base,
            self.settings.foreign_content,
            self._webhook_metrics,
        )

    def _open(self, services: Services) -> None:
        """Serve all routes from now on."""
        self.app.serve(newsroom_routes(services))
        self.fast_path.open(services)
        self._services_now = services

    def _prefer(self, settings: Settings) -> None:
        """Use this address on the live line, for feeds opened from now on."""
        if self._hub is not None:
            self._hub.settings = settings

    def _elsewhere(self, settings: Settings) -> ASGIApp:
        """The same site at an address that a trusted proxy forwarded."""
        services = self._services_now
        if services is None:
            return self.app
        cache = SnapshotCache(
            *(services.hub, services.store, settings),
            fresh=services.snapshots.is_fresh,
            faults=self._hub_metrics.feed_faults,
        )
        services.caches.add(cache)
        return IndexedStarlette(
            routes=newsroom_routes(
                replace(services, settings=settings, snapshots=cache, forwarded=True)
            ),
            exception_handlers=problems.exception_handlers(settings.base),
        )

    def _why_not(self) -> str:
        return self._reason


def _forget(services: Services, feed: str | None) -> int:
    """Drop the caches of a feed (None: of all); returns its readers here."""
    overwrite_when_freed(FILLING_S)
    services.caches.forget(feed)
    return services.hub.forget(feed)


async def _audit_settings(store: RedisStore, settings: Settings) -> None:
    """Add to the audit the settings that differ from the last start of any process."""
    try:
        await store.audit.started_with(digests(settings_as_text(settings)))
    except Unavailable as problem:
        log.warning("changed settings are not in the audit: %s", problem)


async def _overwrite(inbox: Inbox, follower: Follower) -> None:
    """Overwrite memory that was freed, and buffers before they free some."""
    inbox.overwrite_buffer()
    await follower.overwrite_buffers()
    await overwrite_freed_memory()
