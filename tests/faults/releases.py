"""A later release: this one, and one type of event, one member and one scope more.

It is made at run time, by a few changes to a copy of the package, and writes as a real
one would: an event of its own before every write, a member of its own in every new
post, and tokens with a scope of its own. Nobody is shown the member there either, so
that readers of both releases hold the same.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from stoppress.domain.signed_redis_inbox_entry import token_digest
from stoppress.log.redis_keys import TOKENS, feed_keys
from tests.contract.store.servers import ALWAYS
from tests.faults.fault_kind import FEEDS, SETTINGS, Kind
from tests.faults.server import ADMIN, ROOT, Server, serving
from tests.faults.system_under_test import SystemUnderTest

EVENT = "desk.noted"
MEMBER = "weather"
SCOPE = "sing"
ENTRY = (
    "local own_seq = feed.seq + 1\n"
    "feed.seq = own_seq\n"
    "redis.call('XADD', KEYS[2], string.format('%.0f-0', own_seq), "
    "'type', 'desk.noted', 'post', '', 'rev', '0', 'at', at, 'made', "
    "ARGV[first] == 'post.published' and ARGV[first + 1] or '')\n"
)
MESSAGE = (
    "local mark = marker(feed.secret, KEYS[3])\n"
    "local noted = string.format('%s-%.0f desk.noted %s \\n{}', feed.epoch, own_seq, "
    "at)\n"
    "redis.call('SPUBLISH', KEYS[3], string.format('%s-%.0f epoch %s +%s\\n', "
    "feed.epoch, own_seq - 1, at, mark(noted)))\n"
    "redis.call('SPUBLISH', KEYS[3], noted)\n"
)


class Patch(NamedTuple):
    """One change: in a file of the package, what stands there (once) and then."""

    file: str
    was: str
    then: str


PATCHES = (
    Patch(
        "domain/event.py",
        "        EventType.FEED,\n",
        f'        EventType.FEED,\n        EventType("{EVENT}"),\n',
    ),
    Patch(
        "wire/encode_messages.py",
        'if payload else b"",',
        f"""if payload else
        b',"noted":true' if kind.name == "{EVENT}" else b"",""",
    ),
    Patch(
        "log/lua/write.lua",
        "local dropped = apply(",
        f"{ENTRY}local dropped = apply(",
    ),
    Patch(
        "log/lua/write.lua",
        "announce(keys, feed, first, last, at)\n",
        f"{MESSAGE}announce(keys, feed, first, last, at)\n",
    ),
    Patch(
        "domain/post.py",
        "    correction: Correction | None = None\n    rev: int\n",
        "    correction: Correction | None = None\n    rev: int\n"
        f"    {MEMBER}: str | None = None\n",
    ),
    Patch(
        "desk/posts.py",
        "        body = encode(post)\n",
        f"        post = msgspec.structs.replace(post, {MEMBER}=post.id)\n"
        "        body = encode(post)\n",
    ),
    Patch(
        "desk/post_from_and_to_input.py",
        "updated_at=updated, rev=post.rev + 1)",
        f"updated_at=updated, rev=post.rev + 1, {MEMBER}=post.{MEMBER})",
    ),
    Patch(
        "wire/encode_messages.py",
        '    post.url = f"{base}/live/{feed}/{post.id}"\n',
        '    post.url = f"{base}/live/{feed}/{post.id}"\n'
        f"    post.{MEMBER} = None\n",
    ),
    Patch("desk/caller.py", 'Literal["read", ', f'Literal["{SCOPE}", "read", '),
    Patch("desk/caller.py", '= ("read", ', f'= ("{SCOPE}", "read", '),
)


def later_release(folder: Path) -> Path:
    """Make it there; the folder to be found on the path of Python."""
    server = folder / "later" / "server"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "server" / "stoppress", server / "stoppress", ignore=skipped)
    (folder / "later" / "client_demo").symlink_to(ROOT / "client_demo")
    for file, was, then in PATCHES:
        path = server / "stoppress" / file
        text = path.read_text()
        if text.count(was) != 1:
            raise LookupError(f"{was!r} stands {text.count(was)} times in {file}")
        path.write_text(text.replace(was, then))
    return server


async def upgraded(system: SystemUnderTest) -> None:
    """Beside a server of the later release, this one becomes it, and itself again."""
    server, this = system.server, system.server.package
    later = await asyncio.to_thread(later_release, system.folder)
    folder = system.folder / "beside"
    folder.mkdir()
    redis = ("--redis", system.store.url)
    async with serving(folder, *redis, settings=SETTINGS, package=later) as beside:
        secret = await _singing_token(beside)
        system.desks[0].write_to(beside.url)
        for package in (later, this):
            await asyncio.sleep(system.chance.uniform(2, 3))
            server.kill(server.pid, signal.SIGTERM)
            if code := await server.ended():
                system.fault("upgrade", f"exit {code}")
            server.package = package
            await server.start()
            await system.green(time.monotonic())
            # Each of the two edits what the other wrote.
            for desk in system.desks:
                desk.write_to(beside.url if desk.writes_to(server.url) else server.url)
        await asyncio.sleep(system.chance.uniform(2, 3))
        for desk in system.desks:
            desk.write_to(server.url)
        await system.received(30)
        await _check_token(system, secret)
    _check_kept(system)


async def _singing_token(server: Server) -> str:
    """The secret of a token with a scope that only the later release knows."""
    given = {"name": "later", "scopes": [SCOPE, "publish"]}
    answer = await _ask(server.url, "POST", "/v1/tokens", ADMIN, given)
    return str(answer.json()["token"])


async def _check_token(system: SystemUnderTest, secret: str) -> None:
    """It may here what is known of it, is listed, and kept as it was."""
    url = system.server.url
    listed = await _ask(url, "GET", "/v1/tokens", ADMIN)
    used = await _ask(url, "POST", "/v1/feeds/none/posts", secret, {"body": "x"})
    if (listed.status_code, used.status_code) != (200, 404) or SCOPE in listed.text:
        system.fault("scope", f"{listed.text[:200]}, {used.text[:200]}")
    with system.store.client() as client:
        record = client.hget(TOKENS, token_digest(secret)) or b"{}"
    if json.loads(record).get("scopes") != [SCOPE, "publish"]:
        system.fault("scope", f"it is kept as {record!r}")


async def _ask(
    url: str, method: str, path: str, secret: str, given: object = None
) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        return await client.request(method, path, json=given, headers=headers)


def _check_kept(system: SystemUnderTest) -> None:
    """What the later release put into its posts is there after every edit since."""
    edited = noted = 0
    with system.store.client() as client:
        for feed in FEEDS:
            keys = feed_keys(feed)
            entries: Any = client.xrange(keys.log)
            made = [entry[b"made"].decode() for _, entry in entries if b"made" in entry]
            noted += len(made)
            for post in filter(None, made):
                value: Any = client.hget(keys.posts, post)
                rev, _, body = value.partition(b" ")
                if body and json.loads(body).get(MEMBER) != post:
                    system.fault("member", f"{feed}/{post} is {body[:300]!r}")
                edited += bool(body) and int(rev) > 1
    system.outcome.notes["events of the later release"] = noted
    system.outcome.notes["of its posts edited since"] = edited
    judges = [judge for reader in system.readers for judge in reader.judges.values()]
    received = sum(one.kind == EVENT for judge in judges for one in judge.received)
    if not (noted and edited and received):
        system.fault("releases", f"{noted} noted, {edited} edited, {received} heard")


RELEASE_KINDS = (
    Kind(
        name="later-release",
        what="beside a server of a later release (one event, member and scope more) "
        "the server is upgraded to it and rolled back",
        fault=upgraded,
        store=ALWAYS,
        stays=False,
    ),
)
