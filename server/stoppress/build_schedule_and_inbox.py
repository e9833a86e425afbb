"""Publishing without a request: scheduled drafts, and the Redis inbox.

Rules:
- The rules of HTTP apply: scopes, write rates, idempotency.
- The audit names the person who scheduled the post, or the token that signed the entry.
"""

from __future__ import annotations

from stoppress.desk.caller import Caller
from stoppress.desk.desk import Desk
from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.publish_due_drafts import Schedule, ScheduleMetrics
from stoppress.domain.errors import MissingScope, Unauthenticated
from stoppress.domain.signed_redis_inbox_entry import InboxEntry
from stoppress.guard.request_context import CURRENT, RequestContext, new_request_id
from stoppress.log.log_metrics import InboxMetrics
from stoppress.log.publish_from_redis_inbox import Inbox
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from stoppress.web.authorization import check_write_rate
from stoppress.web.services import Services


def scheduled_posts(
    store: RedisStore, desk: Desk, metrics: ScheduleMetrics
) -> Schedule:
    """Publishes drafts when they are due, in the name of the scheduling person."""

    def begin(who: str) -> None:
        context = RequestContext(new_request_id(), "schedule", "", "")
        context.caller = who
        CURRENT.set(context)

    return Schedule(store, desk.drafts, metrics, begin)


def redis_inbox(shards: Shards, services: Services, metrics: InboxMetrics) -> Inbox:
    """Publishes the signed entries of the Redis inbox."""

    async def check(entry: InboxEntry) -> Caller:
        context = RequestContext(new_request_id(), "inbox", "XADD", "")
        CURRENT.set(context)
        caller = await services.tokens.check_entry(entry)
        if caller is None:
            raise Unauthenticated("the signature was not made by a known token")
        if not caller.may("publish", entry.feed):
            raise MissingScope("publish", entry.feed)
        context.caller = caller.id
        return caller

    async def publish(caller: Caller, entry: InboxEntry) -> None:
        check_write_rate(services, caller.id, entry.feed)
        requester = Requester(caller.id, entry.id)
        await services.desk.posts.publish(entry.feed, entry.post, requester)

    most = services.settings.max_body_bytes
    return Inbox(shards, check, publish, metrics, max_bytes=most)
