"""The routes of presence and leases."""

from __future__ import annotations

import pytest

from tests.unit.web.desk_harness import open_harness

pytestmark = pytest.mark.asyncio

FEED = "/v1/feeds/quay"


async def test_presence_is_reported_read_and_removed() -> None:
    """Only with the right to draft."""
    async with open_harness() as harness:
        await harness.feed()
        put = await harness.client.put(f"{FEED}/presence/tab", json={"on": "p1"})
        assert put.status_code == 200
        shown = (await harness.client.get(f"{FEED}/presence")).json()
        assert shown == put.json()
        (person,) = shown["people"]
        assert (person["on"], person["who"]["program"]) == ("p1", True)
        assert person["client"].endswith("-tab")
        gone = await harness.client.delete(f"{FEED}/presence/tab")
        assert gone.status_code == 204
        shown = (await harness.client.get(f"{FEED}/presence")).json()
        assert (shown["people"], shown["desk"]) == ([], "quay")
        reader = harness.reader(authorization=await harness.token("read"))
        assert (await reader.get(f"{FEED}/presence")).status_code == 403


async def test_a_lease_is_granted_or_refused() -> None:
    """The answer says whether it is held; an invalid id gets 404."""
    async with open_harness() as harness:
        await harness.feed()
        path = f"{FEED}/leases/p1"
        put = await harness.client.put(path, json={"client": "tab"})
        assert (put.status_code, put.json()["held"]) == (200, True)
        asked = await harness.client.post(f"{path}/request", json={"client": "tab"})
        assert asked.status_code == 409
        assert (await harness.client.delete(f"{path}?client=tab")).status_code == 204
        assert (await harness.client.delete(path)).status_code == 422
        odd = await harness.client.put(f"{FEED}/leases/a-b", json={"client": "t"})
        assert odd.status_code == 404
        wrong = await harness.client.put(path, json={"client": "a b"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "client")
