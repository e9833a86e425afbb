"""The audit over HTTP."""

from __future__ import annotations

import pytest

from stoppress.domain.audit import AuditEntry
from stoppress.domain.errors import Invalid
from stoppress.domain.store_requests_and_results import AuditPage
from tests.unit.web.desk_harness import open_harness

pytestmark = pytest.mark.asyncio


class Kept:
    """An audit in memory; a mark is the number of entries before it."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, AuditEntry]] = []

    async def add(self, what: str, subject: str = "", *, who: str = "") -> None:
        at = f"2026-11-28T10:00:{len(self.entries):02}Z"
        self.entries.append((at, AuditEntry(who, what, subject=subject)))

    async def add_refused(self, what: str, subject: str = "") -> None:
        await self.add(what, subject)

    async def page(self, feed: str | None, before: str, limit: int) -> AuditPage:
        if before and not before.isdecimal():
            raise Invalid("before", "is invalid")
        found = [one for one in self.entries[::-1] if feed in (None, one[1].feed)]
        start = int(before or 0)
        shown = found[start : start + limit]
        rest = str(start + limit) if len(found) > start + limit else None
        return AuditPage(tuple(shown), rest)


async def test_admins_read_the_audit_log() -> None:
    """The newest entry comes first, page by page; entries of tokens are included."""
    async with open_harness() as harness:
        kept = Kept()
        object.__setattr__(harness.services, "audit", kept)
        await harness.feed()
        reader = {"authorization": await harness.token("read")}
        tokens = (await harness.client.get("/v1/tokens")).json()["tokens"]
        for what in ("token.created", "token.revoked"):
            await kept.add(what, tokens[0]["id"])
        kept.entries.append(
            ("2026-11-28T11:00:00Z", AuditEntry("t9", "post.updated", "::1", "quay"))
        )
        first = (await harness.client.get("/v1/audit?limit=2")).json()
        assert [one["what"] for one in first["entries"]] == [
            "post.updated",
            "token.revoked",
        ]
        assert first["entries"][0] == {
            "at": "2026-11-28T11:00:00Z",
            "who": "t9",
            "what": "post.updated",
            "from": "::1",
            "feed": "quay",
            "before": {},
            "after": {},
        }
        rest = (await harness.client.get(first["next"])).json()
        assert [one["what"] for one in rest["entries"]] == ["token.created"]
        assert rest["entries"][0]["subject"] == tokens[0]["id"]
        assert rest["next"] is None
        of_feed = (await harness.client.get("/v1/audit?feed=quay")).json()
        assert [one["who"] for one in of_feed["entries"]] == ["t9"]
        for query in ("before=x", "limit=0", "feed=No%20slug"):
            bad = await harness.client.get(f"/v1/audit?{query}")
            assert bad.status_code == 422, query
        refused = await harness.public.get("/v1/audit", headers=reader)
        assert refused.status_code in (401, 403)
        assert (await harness.public.get("/v1/audit")).status_code == 401


async def test_three_pages_hold_every_entry_once() -> None:
    """Following `next` alone keeps the limit and returns every entry."""
    async with open_harness() as harness:
        kept = Kept()
        object.__setattr__(harness.services, "audit", kept)
        for number in range(7):
            await kept.add("token.created", f"t{number}")
        address, pages = "/v1/audit?limit=3", []
        while address:
            page = (await harness.client.get(address)).json()
            pages.append([entry["subject"] for entry in page["entries"]])
            address = page["next"]
        assert pages == [["t6", "t5", "t4"], ["t3", "t2", "t1"], ["t0"]]
