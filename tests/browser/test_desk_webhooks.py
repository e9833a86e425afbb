"""The desk's page of webhooks in a browser, with a server that sends to a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.async_api import Page, expect
from redis import Redis

from stoppress.desk.webhooks_and_dead_letters import DeadLetter, message_id
from stoppress.log.redis_keys import webhook_keys
from tests.browser.editor import Site, enter, open_site
from tests.browser.patience import close
from tests.browser.test_desk import faults
from tests.conftest import Server
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKS = [
    *(("light", 1280, "ltr"), ("dark", 1280, "rtl")),
    *(("light", 360, "rtl"), ("dark", 360, "ltr")),
]


@contextmanager
def receiver(taken: list[str | None]) -> Iterator[str]:
    """A system that takes every message, and notes its id; its address."""

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            taken.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def add_dead_letters(server: Server, feed: str, hook: str, cursors: list[str]) -> None:
    """As if none of the attempts had been taken."""
    with Redis(unix_socket_path=str(server.data / "valkey.sock")) as store:
        for cursor in cursors:
            ident = message_id(hook, cursor)
            at = "2026-11-22T09:30:00.000Z"
            reason = "it answered 500 " + "o" * 90
            letter = DeadLetter(
                cursor, "post.published", reason, 9, at, webhook=hook, id=ident
            )
            encoded = msgspec.json.encode(letter)
            store.xadd(webhook_keys(feed).dead, {"letter": encoded})


async def looks_fine(page: Page) -> None:
    """Axe finds no fault and nothing runs over, by any look."""
    for scheme, width, direction in LOOKS:
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size({"width": width, "height": 800})
        await page.evaluate("d => { document.documentElement.dir = d }", direction)
        assert await faults(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await page.set_viewport_size({"width": 1280, "height": 800})


async def test_webhooks_are_managed_accessibly(
    serving: Callable[..., Any], tmp_path: Path
) -> None:
    """Created by keyboard; dead letters resent, one and all; removed."""
    taken: list[str | None] = []
    with (
        receiver(taken) as address,
        serving(
            *(tmp_path / "data", "--drain-s", "0.5"),
            STOPPRESS_WEBHOOK_HOSTS=httpx.URL(address).netloc.decode(),
        ) as server,
    ):
        async with open_site(server) as site:
            await use(site, server, address + "n" * 90, taken)


async def use(
    site: Site, server: Server, address: str, taken: list[str | None]
) -> None:
    """One manager's work with webhooks."""
    await site.feed("other", title="موقع " + "n" * 60)
    feed = await site.feed("webhooks")
    profile = await site.browser.new_context(base_url=site.base)
    desk = await enter(site, profile, feed)
    page = desk.page
    await page.get_by_role("link", name="Webhooks").click()
    await expect(page.get_by_role("combobox", name="Feed")).to_have_value(feed)
    box = page.get_by_label("Address")
    await box.fill("http://10.1.1.1/")
    await box.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("It is not made: url")
    await expect(box).to_have_value("http://10.1.1.1/")
    await looks_fine(page)
    await box.fill(address)
    await page.get_by_label("A post is published").press("Space")
    await page.get_by_role("button", name="Make it").press("Enter")
    secret = page.get_by_label("Copy the secret")
    await expect(secret).to_be_focused()
    assert (await secret.input_value()).startswith("whsec_")
    await looks_fine(page)
    await page.get_by_role("link", name="It is copied").click()
    assert "whsec_" not in await page.content()

    made = [server.publish(feed, f"Post {n}.")["cursor"] for n in range(3)]

    async def delivered(count: int) -> None:
        async def are_taken() -> bool:
            return len(taken) == count

        await until(are_taken)

    await delivered(3)
    answer = await site.api.get(f"/v1/feeds/{feed}/webhooks")
    (hook,) = answer.json()["webhooks"]
    add_dead_letters(server, feed, hook["id"], made)
    await page.reload()
    await expect(page.get_by_text("All is delivered, or given up.")).to_be_visible()
    letters = page.get_by_role("list", name="Not delivered").get_by_role("listitem")
    await expect(letters).to_have_count(3)
    await looks_fine(page)
    # The newest first.
    await letters.first.get_by_role("button", name="Send again").press("Enter")
    await delivered(4)
    assert taken[-1] == message_id(hook["id"], made[2])

    async def are_left() -> list[dict[str, Any]]:
        answer = await site.api.get(f"/v1/feeds/{feed}/dead-letters")
        left: list[dict[str, Any]] = answer.json()["dead_letters"]
        return left

    async def two_are_left() -> bool:
        return len(await are_left()) == 2

    await until(two_are_left)
    await page.reload()
    await expect(letters).to_have_count(2)
    await page.get_by_role("button", name="Send all again").press("Enter")
    await delivered(6)

    async def none_is_left() -> bool:
        return not await are_left()

    await until(none_is_left)
    await page.reload()
    await expect(letters).to_have_count(0)
    await page.get_by_text("Remove").first.press("Enter")
    await looks_fine(page)
    await page.get_by_role("button", name="Remove").press("Enter")
    await expect(page.get_by_text("There is none yet.")).to_be_visible()
    hosts = {httpx.URL(request.url).netloc for request in desk.requests}
    assert hosts == {httpx.URL(site.base).netloc} and desk.complaints == []
    await close(profile)
