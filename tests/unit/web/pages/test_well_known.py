"""What programs look for at a site."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.web.web_harness import BASE, Stand

pytestmark = pytest.mark.asyncio


async def test_robots_are_told_what_is_for_them() -> None:
    """Pages are; the API, frames and the desk are not."""
    async with Stand().client() as client:
        answer = await client.get("/robots.txt")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert lines[0] == "User-agent: *" and f"Sitemap: {BASE}/sitemap.xml" in lines
    assert {"Disallow: /v1/", "Disallow: /desk", "Disallow: /embed/"} < set(lines)


async def test_security_txt_exists_if_its_setting_is_set() -> None:
    """As RFC 9116 has it: Contact and Expires, in the future."""
    stand = Stand()
    async with stand.client() as client:
        path = "/.well-known/security.txt"
        assert (await client.get(path)).status_code == 404
    async with stand.client(security_contact="mailto:us@news.example") as client:
        answer = await client.get(path)
    members = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert members["Contact"] == "mailto:us@news.example"
    assert members["Canonical"] == f"{BASE}{path}"
    assert datetime.fromisoformat(members["Expires"]) > datetime.now(UTC)
