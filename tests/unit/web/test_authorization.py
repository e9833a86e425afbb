"""Who asks: tokens, the desk's cookie, and where a request comes from."""

from __future__ import annotations

import pytest

from tests.unit.web.desk_harness import ADMIN, BASE, open_harness

WRITES = [
    ("POST", "/v1/feeds"),
    ("PATCH", "/v1/feeds/quay"),
    ("DELETE", "/v1/feeds/quay"),
    ("POST", "/v1/feeds/quay/posts"),
    ("PATCH", "/v1/feeds/quay/posts/x"),
    ("DELETE", "/v1/feeds/quay/posts/x"),
    ("GET", "/v1/tokens"),
    ("POST", "/v1/tokens"),
    ("DELETE", "/v1/tokens/x"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_write_takes_a_token(method: str, path: str) -> None:
    """401 without, and with one that is not known; whether the feed is there or not."""
    async with open_harness() as harness:
        for is_there in (False, True):
            if is_there:
                await harness.feed()
            for headers in ({}, {"authorization": "Bearer sp_nobody"}):
                answer = await harness.public.request(method, path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Bearer ")
                assert answer.json()["detail"]


@pytest.mark.asyncio
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_write_takes_the_scope(method: str, path: str) -> None:
    """403 names the scope that is missing."""
    async with open_harness() as harness:
        await harness.feed()
        read = harness.reader(authorization=await harness.token("read"))
        answer = await read.request(method, path)
        of_feeds = "posts" not in path
        scope = "admin" if "tokens" in path else "manage" if of_feeds else "publish"
        assert answer.status_code == 403
        assert answer.json()["scope"] == scope
        assert f"{scope!r}" in answer.json()["detail"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "header", ["Basic eDp5", "Bearer", "Bearer ", "sp_x", "Bearer sp_x y", ""]
)
async def test_a_token_that_is_not_known_is_401_everywhere(header: str) -> None:
    """Also on a public read: who sends a token wants it to count."""
    async with open_harness() as harness:
        await harness.feed()
        reader = harness.reader(authorization=header)
        for path in ("/v1/feeds", "/v1/feeds/quay", "/v1/feeds/quay/posts"):
            assert (await reader.get(path)).status_code == 401, path


@pytest.mark.asyncio
async def test_bearer_is_written_in_any_case() -> None:
    """RFC 9110: the scheme is case-insensitive."""
    async with open_harness() as harness:
        reader = harness.reader(authorization=f"bEARER {ADMIN}")
        assert (await reader.get("/v1/tokens")).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"sec-fetch-site": "same-origin", "origin": BASE}, 201),
        ({"origin": BASE}, 201),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": BASE}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://live.example.org.evil.example"}, 403),
        ({}, 403),
    ],
)
async def test_the_cookie_writes_from_our_pages_only(
    headers: dict[str, str], status: int
) -> None:
    """The browser says where a request comes from; silence is no proof."""
    async with open_harness() as harness:
        await harness.feed()
        desk = harness.reader(cookie=await harness.session())
        path = "/v1/feeds/quay/posts"
        answer = await desk.post(path, json={"body": "x"}, headers=headers)
        assert answer.status_code == status, answer.text


@pytest.mark.asyncio
async def test_the_cookie_reads() -> None:
    """A private feed is there for the desk; a cookie of yesterday is nobody's."""
    async with open_harness() as harness:
        await harness.feed(visibility="private")
        desk = harness.reader(cookie=await harness.session())
        assert (await desk.get("/v1/feeds/quay")).status_code == 200
        old = harness.reader(cookie="__Host-stoppress_desk=sps_old")
        assert (await old.get("/v1/feeds/quay")).status_code == 404
        assert (await old.get("/v1/feeds")).status_code == 200
        assert (await old.post("/v1/feeds", json={})).status_code == 401


@pytest.mark.asyncio
async def test_a_ticket_counts_beside_a_session_that_has_ended() -> None:
    """For its reader, not in the place of the person at the desk."""
    async with open_harness() as harness:
        await harness.feed(visibility="private")
        ticket = (await harness.services.tickets.issue("quay", b"")).ticket
        desk = harness.services.settings.desk_cookie
        cookies = f"{desk}=sps_dead; stoppress_ticket={ticket}"
        reader = harness.reader(cookie=cookies)
        assert (await reader.get("/v1/feeds/quay")).status_code == 200
        assert (await reader.head("/v1/feeds/quay/posts")).status_code == 200
        person = {"stop-press-person": "0123456789abcdef"}
        answer = await reader.get("/v1/feeds/quay", headers=person)
        assert answer.status_code == 404
        ours = {"sec-fetch-site": "same-origin"}
        write = await reader.post("/v1/feeds/quay/posts", json={}, headers=ours)
        assert write.status_code == 401
        sibling = {"sec-fetch-site": "same-site"}
        answer = await reader.get("/v1/feeds/quay", headers=sibling)
        assert answer.status_code == 404
        over = harness.reader(cookie=f"{desk}=sps_dead; stoppress_ticket=st_x")
        assert (await over.get("/v1/feeds/quay")).status_code == 404
        both = f"{await harness.session()}; stoppress_ticket={ticket}"
        editor = harness.reader(cookie=both)
        assert (await editor.get("/v1/tokens")).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://blog.example.org"}, {"sec-fetch-site": "same-site"}],
)
async def test_a_page_of_another_site_reads_nothing_with_the_cookie(
    headers: dict[str, str],
) -> None:
    """Private feeds and tokens are not there for it, whatever the browser sends."""
    async with open_harness() as harness:
        await harness.feed(visibility="private")
        desk = harness.reader(cookie=await harness.session())
        ours = {"sec-fetch-site": "same-origin"}
        assert (await desk.get("/v1/feeds/quay", headers=ours)).status_code == 200
        assert (await desk.get("/v1/feeds/quay", headers=headers)).status_code == 404
        assert (await desk.get("/v1/tokens", headers=headers)).status_code == 401


@pytest.mark.asyncio
async def test_an_address_holds_tickets_only() -> None:
    """Another secret in it is an unknown one, for reads and writes."""
    async with open_harness() as harness:
        await harness.feed(visibility="private")
        given = {"ticket": ADMIN}
        path = "/v1/feeds/quay"
        write = await harness.public.post(f"{path}/posts", params=given, json={})
        assert write.status_code == 401
        for address in (path, f"{path}/posts", "/v1/feeds", "/v1/tokens"):
            answer = await harness.public.get(address, params=given)
            assert answer.status_code == 401, address
        ticket = (await harness.services.tickets.issue("quay", b"")).ticket
        for text in (ticket, f" {ticket} "):
            answer = await harness.public.get(path, params={"ticket": text})
            assert answer.status_code == 200
        write = await harness.public.post(
            f"{path}/posts", params={"ticket": ticket}, json={"body": "x"}
        )
        assert write.status_code == 403


@pytest.mark.asyncio
async def test_a_bearer_token_beats_the_cookie() -> None:
    """And needs no origin."""
    async with open_harness() as harness:
        await harness.feed()
        token = await harness.token("read")
        both = harness.reader(authorization=token, cookie=await harness.session())
        answer = await both.post("/v1/feeds/quay/posts", json={"body": "x"})
        assert answer.status_code == 403 and answer.json()["scope"] == "publish"


@pytest.mark.asyncio
@pytest.mark.parametrize("feed", ["Quay", "%7Bx%7D", "a%2Fb", "x" * 81, "%00"])
async def test_an_invalid_slug_is_no_feed(feed: str) -> None:
    """404, and the store is not asked."""
    async with open_harness() as harness:
        for answer in (
            await harness.public.get(f"/v1/feeds/{feed}"),
            await harness.client.post(f"/v1/feeds/{feed}/posts", json={"body": "x"}),
        ):
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"
        assert harness.store.calls == []
