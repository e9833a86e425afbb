"""Who is named when a post goes out without a request, and whose entry is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from stoppress.build_schedule_and_inbox import redis_inbox, scheduled_posts
from stoppress.desk.caller import Caller
from stoppress.desk.publish_due_drafts import ScheduleMetrics
from stoppress.domain.errors import MissingScope, Unauthenticated
from stoppress.domain.signed_redis_inbox_entry import InboxEntry
from stoppress.guard.request_context import CURRENT
from stoppress.log.log_metrics import InboxMetrics
from stoppress.log.publish_from_redis_inbox import Inbox
from stoppress.settings import Settings

pytestmark = pytest.mark.asyncio
ENTRY = InboxEntry("1-0", "sp_t", "0", "harbour", b"{}", "mac")
WRITER = Caller(id="writer", name="Ann", kind="token", scopes=("publish",))
READER = Caller(id="reader", name="Bob", kind="token", scopes=("read",))


def inbox_signed_by(caller: Caller | None) -> Inbox:
    """An inbox whose entries this caller signed; None: nobody known."""

    async def check_entry(_: InboxEntry) -> Caller | None:
        return caller

    services: Any = SimpleNamespace(
        tokens=SimpleNamespace(check_entry=check_entry), settings=Settings()
    )
    return redis_inbox(cast(Any, None), services, InboxMetrics())


@pytest.mark.parametrize(
    ("caller", "error"), [(None, Unauthenticated), (READER, MissingScope)]
)
async def test_an_entry_needs_a_token_that_may_publish(
    caller: Caller | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await inbox_signed_by(caller)._check(ENTRY)


async def test_the_audit_names_whose_token_signed() -> None:
    assert await inbox_signed_by(WRITER)._check(ENTRY) == WRITER
    context = CURRENT.get()
    assert context is not None
    assert (context.caller, context.method) == ("writer", "XADD")


async def test_the_audit_names_who_scheduled() -> None:
    desk: Any = SimpleNamespace(drafts=None)
    scheduled_posts(cast(Any, None), desk, ScheduleMetrics())._begin("ann")
    context = CURRENT.get()
    assert context is not None and context.caller == "ann"
