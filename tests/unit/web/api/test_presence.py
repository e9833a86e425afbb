"""The routes of presence and leases."""

from __future__ import annotations

import pytest

from tests.unit.web.desk_harness import open_office

pytestmark = pytest.mark.asyncio

FEED = "/v1/feeds/quay"


async def test_presence_is_reported_read_and_removed() -> None:
    """Said, read and taken back; for who may draft alone."""
    async with open_office() as office:
        await office.feed()
        put = await office.client.put(f"{FEED}/presence/tab", json={"on": "p1"})
        assert put.status_code == 200
        shown = (await office.client.get(f"{FEED}/presence")).json()
        assert shown == put.json()
        (person,) = shown["people"]
        assert (person["on"], person["who"]["program"]) == ("p1", True)
        assert person["client"].endswith("-tab")
        gone = await office.client.delete(f"{FEED}/presence/tab")
        assert gone.status_code == 204
        shown = (await office.client.get(f"{FEED}/presence")).json()
        assert (shown["people"], shown["desk"]) == ([], "quay")
        reader = office.reader(authorization=await office.token("read"))
        assert (await reader.get(f"{FEED}/presence")).status_code == 403


async def test_leases() -> None:
    """The answer says whether it is held; odd ids are nowhere."""
    async with open_office() as office:
        await office.feed()
        path = f"{FEED}/leases/p1"
        put = await office.client.put(path, json={"client": "tab"})
        assert (put.status_code, put.json()["held"]) == (200, True)
        asked = await office.client.post(f"{path}/request", json={"client": "tab"})
        assert asked.status_code == 409
        assert (await office.client.delete(f"{path}?client=tab")).status_code == 204
        assert (await office.client.delete(path)).status_code == 422
        odd = await office.client.put(f"{FEED}/leases/a-b", json={"client": "t"})
        assert odd.status_code == 404
        wrong = await office.client.put(path, json={"client": "a b"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "client")
