"""A post that is taken down is nowhere: store, disk, answers, messages, memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import msgspec
import pytest
from redis import Redis
from websockets.asyncio.client import connect

from tests.conftest import Server, started
from tests.contract.server.asking import problem, read
from tests.contract.server.process_memory import has_connection_from, places_of
from tests.contract.server.test_workers import workers_of
from tests.plain_http import PATIENCE_S, PLAIN
from tests.waiting import until, until_in_thread, wait_until

NEEDLE = "Zephyrine-Quillfeather-7Q"
"""Stands in the headline, the text and every edit of the post."""
EXTERNAL = "wire-77"
"""Its external id: ids stay, so that nothing else takes them."""
FORGOTTEN_S = 240
"""How long memory may hold what was overwritten too early, and is overwritten again."""
OTHER_REQUESTS = 40
"""Requests about other posts at each worker, between two looks at its memory."""


class Purged:
    """A cache in front that writes down what it is told to drop; and the address of a
    webhook, which accepts nothing of a post."""

    def __init__(self) -> None:
        calls = self.calls = list[Any]()
        hooked = self.hooked = list[Any]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                is_purge = self.path == "/purge"
                said = msgspec.json.decode(self.rfile.read(size))
                (calls if is_purge else hooked).append(said)
                self.send_response(200 if is_purge else 500)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/purge"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def purged() -> Iterator[Purged]:
    """A cache in front."""
    cache = Purged()
    yield cache
    cache.server.shutdown()
    cache.server.server_close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, purged: Purged) -> Iterator[Server]:
    """Two workers with an embedded store, and a cache in front."""
    data = tmp_path_factory.mktemp("takedown") / "data"
    options = ("--workers", "2", "--drain-s", "0.2", "--purge-url", purged.url)
    with started(data, *options, "--webhook-hosts", purged.host) as server:
        yield server


def on_disk(data: Path) -> list[str]:
    """The files that hold the needle."""
    return [
        str(path.relative_to(data))
        for path in data.rglob("*")
        if path.is_file() and NEEDLE.encode() in path.read_bytes()
    ]


def addresses(feed: str, post: str) -> list[str]:
    """Everything that may show the post."""
    page, api = f"/live/{feed}", f"/v1/feeds/{feed}"
    return [
        *("/", page, f"{page}/{post}", f"{page}/atom.xml", f"{page}/feed.json"),
        *(f"/embed/{feed}", f"/desk?feed={feed}", api, f"{api}/posts"),
        *(f"{api}/posts/{post}", f"{api}/posts/{post}/revisions", f"{api}/withdrawn"),
        *(f"{api}/external/{EXTERNAL}", "/v1/feeds", "/metrics"),
    ]


def shows(server: Server, feed: str, post: str) -> list[str]:
    """The addresses that hold the needle, for readers or the admin, by any worker."""
    found = set()
    for path in addresses(feed, post) * 4:
        # A connection of its own each: any of the workers answers.
        for answer in (read(server, path), server.request("GET", path)):
            if NEEDLE in answer.text.replace(path, ""):
                found.add(path)
    return sorted(found)


def publish_and_edit(server: Server, feed: str, times: int = 3) -> str:
    """A post that was edited, seen by every transport; its id."""
    made = server.publish(
        feed, f"{NEEDLE} says so. " * 12, headline=NEEDLE, external_id=EXTERNAL
    )
    post: str = made["post"]["id"]
    path = f"/v1/feeds/{feed}/posts/{post}"
    for number in range(times):
        given = {"body": f"{NEEDLE} says {number}. " * 40}
        assert server.request("PATCH", path, given, if_match="*").is_success
    return post


def socket_of(server: Server) -> Redis:
    """The embedded store."""
    return Redis(unix_socket_path=str(server.data / "valkey.sock"))


def line_to_each(server: Server, workers: Sequence[int]) -> list[httpx.Client]:
    """A connection that stays open, to each of the workers."""
    found: dict[int, httpx.Client] = {}
    others = []
    while len(found) < len(workers):
        client = httpx.Client(
            base_url=server.url,
            headers={"authorization": f"Bearer {server.token}"},
            timeout=PATIENCE_S,
            trust_env=False,
            verify=PLAIN,
        )
        answer = client.get("/healthz")
        assert answer.status_code == 200
        stream = answer.extensions["network_stream"]
        ours: int = stream.get_extra_info("client_addr")[1]
        (worker,) = (one for one in workers if has_connection_from(one, ours))
        if worker in found:
            others.append(client)  # kept open, so that its port is not the next one's
        else:
            found[worker] = client
    for client in others:
        client.close()
    return list(found.values())


def other_traffic(lines: Sequence[httpx.Client], feed: str) -> None:
    """Posts and readers of other texts, at each worker."""
    for line in lines:
        for number in range(OTHER_REQUESTS // 4):
            draft = {"body": f"Other news {number}. " * (5 + number % 60)}
            made = line.post(f"/v1/feeds/{feed}/posts", json=draft)
            assert made.status_code == 201, made.text
            for path in ("", "/posts?limit=100"):
                assert line.get(f"/v1/feeds/{feed}{path}").status_code == 200
            assert line.get(f"/live/{feed}").status_code == 200


@pytest.mark.asyncio
async def test_a_takedown_erases_every_copy(pair: Server, purged: Purged) -> None:
    """On disk, in answers and on live lines at once; in memory after other traffic,
    also of the worker that tries again to send it to a webhook."""
    feed = await asyncio.to_thread(pair.new_feed)
    hook = {"url": f"http://{purged.host}/hook"}
    hooks = f"/v1/feeds/{feed}/webhooks"
    made = await asyncio.to_thread(pair.request, "POST", hooks, hook)
    assert made.status_code == 201, made.text
    post = await asyncio.to_thread(publish_and_edit, pair, feed)
    with socket_of(pair) as store:
        refused = {"key": "none", "feed": feed, "post": f'{{"body":"{NEEDLE}"}}'}
        store.xadd("stoppress:inbox", refused)
        await until(lambda: bool(store.xlen("stoppress:inbox:refused")))
    assert on_disk(pair.data) and await asyncio.to_thread(shows, pair, feed, post)
    await until_in_thread(lambda: purged.hooked)
    assert NEEDLE in purged.hooked[0]["post"]["headline"]
    workers = workers_of(pair)
    assert len(workers) == 2
    assert any(places_of(one, NEEDLE.encode()) for one in workers)
    url = pair.url.replace("http", "ws")
    async with AsyncExitStack() as stack, asyncio.timeout(4 * PATIENCE_S):
        readers = []
        for _ in range(8):
            live = connect(f"{url}/v1/live?feed={feed}")
            readers.append(await stack.enter_async_context(live))
            await readers[-1].recv()
        path = f"/v1/feeds/{feed}/posts/{post}/takedown"
        done = await asyncio.to_thread(
            pair.request, "POST", path, {"reason": "a court's order"}
        )
        assert done.status_code == 200, done.text
        assert on_disk(pair.data) == []
        for reader in readers:
            message = msgspec.json.decode(await reader.recv())
            assert message["type"] == "post.withdrawn"
            assert message["post"] == {"id": post}
        replay = connect(f"{url}/v1/live?feed={feed}@{_epoch(message)}-0")
        line = await stack.enter_async_context(replay)
        said = [str(await line.recv()) for _ in range(5)]
        assert NEEDLE not in "".join(said)
    assert await asyncio.to_thread(shows, pair, feed, post) == []
    receipt = done.json()
    assert set(receipt) == {
        *("post", "at", "store", "disk", "workers", "readers", "purge"),
    }
    assert receipt["post"] == post and receipt["at"] < receipt["disk"] != "pending"
    assert len(receipt["workers"]) == 2 and receipt["readers"] == 8
    assert all(one["at"] for one in receipt["workers"])
    assert [one["status"] for one in receipt["purge"]] == [200]
    assert f"{pair.url}/live/{feed}/{post}" in purged.calls[-1]["urls"]
    clients = await asyncio.to_thread(line_to_each, pair, workers)

    places: list[list[str]] = []

    def are_clean() -> bool:
        """no worker's memory holds the text"""
        other_traffic(clients, feed)
        places[:] = [places_of(one, NEEDLE.encode()) for one in workers]
        return not any(places)

    try:
        await until_in_thread(are_clean, FORGOTTEN_S)
    except TimeoutError:
        pytest.fail(f"still held, by worker: {places}")
    finally:
        for client in clients:
            client.close()
    with socket_of(pair) as store:
        assert store.xlen("stoppress:inbox:refused") == 0
    await until(lambda: purged.hooked[-1]["type"] == "post.withdrawn", FORGOTTEN_S)
    assert purged.hooked[-1]["cursor"] == purged.hooked[0]["cursor"]
    assert purged.hooked[-1]["post"] == {"id": post}


def _epoch(message: Any) -> str:
    return str(message["cursor"]).partition("-")[0]


def test_a_takedown_is_final(pair: Server) -> None:
    """No call restores the post; a second takedown gets another receipt."""
    feed = pair.new_feed()
    post = publish_and_edit(pair, feed, 1)
    path = f"/v1/feeds/{feed}/posts/{post}"
    assert pair.request("DELETE", path).status_code == 204
    first = pair.request("POST", f"{path}/takedown", {})
    again = pair.request("POST", f"{path}/takedown", {})
    assert (first.status_code, again.status_code) == (200, 200)
    assert problem(pair.request("POST", f"{path}/restore"), 410)
    assert problem(pair.request("GET", f"{path}/revisions"), 410)
    assert problem(pair.request("GET", path), 410)
    put = f"/v1/feeds/{feed}/external/{EXTERNAL}"
    for match in ({}, {"if_match": '"3"'}):
        assert problem(pair.request("PUT", put, {"body": "x"}, **match), 410)
    copy = {"id": post, "rev": 9, "body": "x", "published_at": "2026-11-28T00:00:00Z"}
    assert problem(pair.request("PUT", path, copy), 410)
    assert pair.request("DELETE", path).status_code == 204
    assert problem(pair.request("POST", f"{path}x/takedown", {}), 404)
    wrong = pair.request("POST", f"{path}/takedown", {"why": "x"})
    assert problem(wrong, 422)["field"] == "why"


def test_a_withdrawal_purges_the_caches_in_front(pair: Server, purged: Purged) -> None:
    """One call, with every address that showed the post."""
    feed = pair.new_feed()
    post = pair.publish(feed, "text")["post"]["id"]
    before = len(purged.calls)
    pair.request("DELETE", f"/v1/feeds/{feed}/posts/{post}")
    wait_until(lambda: len(purged.calls) > before)
    assert f"{pair.url}/v1/feeds/{feed}/posts/{post}" in purged.calls[-1]["urls"]


def test_a_store_without_the_right_to_rewrite_is_reported(pair: Server) -> None:
    """`pending`; every other step is done."""
    feed = pair.new_feed()
    post = publish_and_edit(pair, feed, 1)
    with socket_of(pair) as store:
        store.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
        try:
            path = f"/v1/feeds/{feed}/posts/{post}/takedown"
            receipt = pair.request("POST", path, {}).json()
        finally:
            store.execute_command("ACL", "SETUSER", "default", "+bgrewriteaof")
    assert receipt["disk"] == "pending" and len(receipt["workers"]) == 2
