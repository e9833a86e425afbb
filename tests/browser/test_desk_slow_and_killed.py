"""The desk over a slow line, and before a server that is killed: all is out once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.editor import Site, enter, open_site
from tests.browser.patience import PATIENCE_MS, close
from tests.conftest import Server
from tests.ports import reserve_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

Serving = Callable[..., AbstractContextManager[Server]]
PIECE = 65_536
TEXTS, WITHIN_S = 5, 20.0


class SlowLine:
    """A proxy by which every byte takes `delay_s`, in each direction."""

    def __init__(self) -> None:
        self.delay_s = 0.0

    @asynccontextmanager
    async def before(self, url: str) -> AsyncIterator[str]:
        """The proxy's address, while it is open."""
        where = httpx.URL(url)
        tasks: set[asyncio.Task[None]] = set()
        writers: list[asyncio.StreamWriter] = []

        async def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            there = await asyncio.open_connection(where.host, where.port)
            writers.extend((writer, there[1]))
            for one, other in ((reader, there[1]), (there[0], writer)):
                task = asyncio.create_task(self._carry(one, other))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            try:
                yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                for writer in writers:
                    writer.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)

        async def take() -> None:
            while data := await reader.read(PIECE):
                await held.put((loop.time() + self.delay_s, data))
            await held.put((loop.time() + self.delay_s, b""))

        try:
            async with asyncio.TaskGroup() as both:
                taking = both.create_task(take())
                while True:
                    due, data = await held.get()
                    await asyncio.sleep(due - loop.time())
                    if not data:
                        break
                    writer.write(data)
                taking.cancel()
        except* ConnectionError:
            pass  # the browser went away, or the server
        finally:
            writer.close()


async def test_five_texts_over_a_slow_connection_are_five_posts(site: Site) -> None:
    """Two seconds of delay, typed within 20 s: in order, none merged."""
    feed = await site.feed("slow-line")
    line = SlowLine()
    async with line.before(site.base) as url:
        profile = await site.browser.new_context(base_url=url)
        desk = await enter(site, profile, feed)
        line.delay_s = 1.0
        names = [f"Number {number}" for number in range(TEXTS)]
        for name in names:
            # The time itself is what is tested: texts meet answers of those before.
            await asyncio.sleep(WITHIN_S / TEXTS - 1)
            await desk.page.get_by_label("Headline").press_sequentially(name)
            await desk.page.get_by_label("Text Markdown").press_sequentially("Text.")
            await desk.publish()
            await desk.holds("", "")
        outs = desk.page.locator('#outbox li[data-state="out"]')
        await expect(outs).to_have_count(TEXTS)
        line.delay_s = 0.0
        posts = await site.posts(feed)
        assert [post["headline"] for post in posts] == names[::-1]
        assert {post["body"] for post in posts} == {"Text."}
        assert desk.complaints == []
        await close(profile)


async def test_a_text_is_published_once_over_a_killed_server(
    serving: Serving, tmp_path: Path
) -> None:
    """The store has the post, and the desk got no answer."""
    port = str(reserve_port())
    with serving(tmp_path / "data", "--port", port) as server:
        async with open_site(server) as site:
            feed = await site.feed("killed")
            profile = await site.browser.new_context(
                base_url=site.base, service_workers="block"
            )
            desk = await enter(site, profile, feed)
            keys = await kill_before_the_answer(profile, server)
            await desk.write("Once", "Exactly.")
            await desk.publish()
            await desk.holds("", "")
            await expect(desk.card("Once")).to_contain_text("The text is kept")
            # Of another text there was no request yet.
            await desk.write("After it", "In order.")
            await desk.publish()
            with serving(tmp_path / "data", "--port", port):
                await desk.is_out("Once")
                await desk.is_out("After it")
                posts = await site.posts(feed)
                assert [each["headline"] for each in posts] == ["After it", "Once"]
                # The same request, sent again.
                assert len(keys) > 1 and len(set(keys[:2])) == 1
                assert desk.complaints == []


async def kill_before_the_answer(profile: BrowserContext, server: Server) -> list[str]:
    """Kill the server once it has written the first post; the keys of all requests."""
    keys: list[str] = []

    async def handle(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > 1:
            return await route.continue_()
        answer = await route.fetch(timeout=PATIENCE_MS)
        assert answer.status == 201
        server.process.kill()
        await asyncio.to_thread(server.process.wait)
        await route.abort()

    await profile.route("**/v1/feeds/*/posts", handle)
    return keys
