"""What the user in the store may do: what is documented is enough, the rest is told."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from redis import Redis

from stoppress.desk.caller import Caller
from stoppress.desk.presence import Touch
from stoppress.desk.webhooks import DeadLetter, Webhook
from stoppress.domain.desk_log_name import desk_log_of
from stoppress.domain.errors import NotFound, NotPermitted, Unavailable
from stoppress.domain.event import EventType, Subject
from stoppress.domain.inbox_entry import InboxEntry, signed_entry
from stoppress.domain.store_requests_and_results import (
    Change,
    Idempotency,
    TokenUnderKey,
)
from stoppress.log import (
    audit_log,
    desk_log_scripts,
    post_erasure,
    reader_census,
    redis_commands_scripts_and_durability,
    redis_user_rights,
    token_and_ticket_key_store,
    value_under_key,
    webhook_store,
)
from stoppress.log import (
    feed_write_scripts as writes,
)
from stoppress.log.connect import connect, reach
from stoppress.log.inbox_consumer import Inbox
from stoppress.log.reader_census import RedisCensus
from stoppress.log.server_checks import UnfitServer
from stoppress.log.shard_pools import Shards
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.clusters import Cluster
from tests.contract.store.fleets import Fleet
from tests.contract.store.following import QUICK_S, Counts, following, up
from tests.contract.store.news import AT, FEED, body, published, withdrawn, write
from tests.contract.store.servers import EVERYSEC, Server
from tests.contract.store.sinks import Recorder
from tests.waiting import until

DEPLOY = Path(__file__).parents[3] / "docs" / "deploy.md"
LINES = re.findall(r"^ACL SETUSER .*$", DEPLOY.read_text(), re.MULTILINE)
PASSWORD = "p/a#s?s@w:o%rd é"
ENCODED = "p%2Fa%23s%3Fs%40w%3Ao%25rd%20%C3%A9"
ON = ("on", f">{PASSWORD}")


def documented(line: str) -> list[str]:
    """The command of a line of the docs, with a password that is odd."""
    return [
        f">{PASSWORD}" if word == ">PASSWORD" else word for word in line.split(" ")[1:]
    ]


def allow(server: Server, *rules: str, user: str = "stoppress") -> None:
    """Give rights to the user."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", user, *rules)


def address(server: Server, database: int = 0) -> str:
    """Its address, for the user."""
    return f"unix://stoppress:{ENCODED}@{server.socket}?db={database}"


@asynccontextmanager
async def connected(url: str, settings: Settings) -> AsyncIterator[Shards]:
    """Links, closed at the end."""
    shards = await reach(url, settings)
    try:
        yield shards
    finally:
        await shards.aclose()


async def everything(shards: Shards, settings: Settings) -> None:
    """Call whatever the product calls."""
    store = RedisStore(shards, settings)
    key = Idempotency("t", "k", "f")
    async with following(shards, store, Counts()) as follower:
        assert await store.claim("x", key)
        await store.release(key)
        await store.make_feed("x", FEED, AT, key)
        sink = Recorder()
        await follower.open("x", sink)
        await up(follower)
        asked = write(published("p", external_id="e"), pins=("", "p"), key="k")
        done = await store.write(asked)
        await sink.at(done.cursor)
        assert (await store.write(asked)).repeated
        idem = asked.idempotency
        assert idem and await store.recall("x", idem) is not None
        assert (await store.window("x")).cursor == await store.confirm("x")
        await store.since("x", 0)
        assert await store.post("x", "p") == body("p")
        assert await store.page("x", None, 5)
        await store.page("x", None, 5, rising=True)
        await store.snapshot("x", 5)
        await store.renew("x", done.cursor)
        assert len(await store.feeds()) == 1
        token = TokenUnderKey("s", "e")
        assert await store.make_token(token, b"r", key) == token
        assert await store.recall_token(key) == token
        await store.drop_token("e")
        await store.put_token("d", b"r")
        assert await store.token("d") == b"r"
        assert await store.token_records(["d"]) == [b"r"]
        await store.tokens()
        await store.put_token_uses({"d": 1})
        assert await store.token_uses() == {"d": 1}
        await store.drop_token("d")
        await store.write(write(withdrawn("p", 1), pins=("p", "")))
        await store.withdrawn("x", "", 5)
        await RedisCensus(shards).count({"x": 1}, 5.0)
        await _draft(store)
        await _take_in(shards)
        await store.drop_feed("x", None, None)
        await sink.until(lambda: sink.ended)


async def _draft(store: RedisStore) -> None:
    """One is scheduled and published."""
    await store.open_desk_log("x")
    log, subject = desk_log_of("x"), Subject.draft("d")
    kept = Change(EventType.DRAFT_CREATED, subject, 0, 1, body("d"), AT)
    await store.write(write(kept, feed=log))
    await store.schedule("x", "d", AT)
    due = (await store.due_drafts(5)).drafts
    leaves = Change(EventType.DRAFT_PUBLISHED, subject, 1, 2, b"")
    await store.publish_draft(write(published("d")), leaves)
    assert await store.published_draft(log, "d")
    await store.unschedule(due)
    await store.touch_presence("x", Touch("here", "c", 30, '"who":{}'))
    hook, key = Webhook("h", "https://a.example", "s", "a"), Idempotency("t", "h", "f")
    assert await store.add_webhook("x", hook, key) == hook
    assert await store.recall_webhook("x", key) == hook
    assert await store.hold_webhook("x", "h", "me", 5)
    await store.put_webhook_cursor("x", "h", await store.webhook_cursor("x", "h"))
    await store.add_dead_letter("x", "h", DeadLetter("e-1", "t", "r", 1))
    assert await store.dead_letters("x", 5) and await store.webhook_feeds()
    assert await store.queue_resends("x", "h", ["h.e-1", "h.e-2"]) == 2
    assert await store.resends("x", "h")
    await store.drop_dead_letter("x", "h.e-1")
    assert await store.drop_webhook("x", "h")


async def _take_in(shards: Shards) -> None:
    """One entry is published, one is refused."""
    came: list[str] = []

    async def check(entry: InboxEntry) -> Caller:
        return Caller(id="t", name="t", kind="token", scopes=("publish",))

    async def publish(caller: Caller, entry: InboxEntry) -> None:
        came.append(entry.feed)

    signed = signed_entry("sp_t", "y", "{}", time.time_ns() // 1_000_000)
    inbox = asyncio.create_task(Inbox(shards, check, publish).run())
    link = shards.of("stoppress:inbox")
    try:
        for fields in (("feed", "y"), chain(*signed.items())):
            async with link.borrow() as redis:
                await redis.one("XADD", "stoppress:inbox", "*", *fields)
        await until(lambda: bool(came))
    finally:
        inbox.cancel()
        await asyncio.gather(inbox, return_exceptions=True)


@pytest.mark.asyncio
@pytest.mark.parametrize("database", [0, 2])
async def test_the_documented_line_is_enough(
    server: Server, settings: Settings, database: int
) -> None:
    """All of the product works with it."""
    allow(server, *documented(LINES[0])[2:])
    async with connected(address(server, database), settings) as shards:
        await everything(shards, settings)


@pytest.mark.asyncio
async def test_the_documented_lines_for_sentinels(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    """One line for each server, another for each Sentinel."""
    fleet = Fleet(kind, tmp_path)
    try:
        await fleet.start()
        for server in fleet.servers:
            allow(server, *documented(LINES[0])[2:])
        url = fleet.url.replace("//", f"//stoppress:{ENCODED}@")
        url += f"/2?sentinel_username=stoppress&sentinel_password={ENCODED}"
        for sentinel in fleet.sentinels:
            allow(sentinel, *ON)
        with pytest.raises(ValueError, match="ACL SETUSER stoppress") as lacking:
            await reach(url, settings)
        assert PASSWORD not in str(lacking.value)
        for sentinel in fleet.sentinels:
            allow(sentinel, *documented(LINES[1])[2:])
        async with connected(url, settings) as shards:
            await everything(shards, settings)
    finally:
        fleet.kill()


@pytest.mark.asyncio
async def test_the_documented_line_for_a_cluster(
    kind: str, tmp_path: Path, settings: Settings
) -> None:
    """One line for each of its servers."""
    cluster = Cluster(kind, tmp_path, replicas=0)
    try:
        await cluster.start()
        url = cluster.url.replace("//", f"//stoppress:{ENCODED}@")
        for node in cluster.nodes:
            allow(node, *documented(LINES[0])[2:])
        with pytest.raises(UnfitServer, match=r"\+cluster\|nodes"):
            await reach(url, settings)
        for node in cluster.nodes:
            allow(node, *documented(LINES[2])[2:])
        async with connected(url, settings) as shards:
            await everything(shards, settings)
    finally:
        cluster.kill()


def test_the_lines_are_those_of_the_program() -> None:
    """What the docs grant is what is asked for."""
    rules = [line.partition(">PASSWORD ")[2] for line in LINES]
    assert rules == [
        redis_user_rights.RULES,
        redis_user_rights.SENTINEL_RULES,
        redis_user_rights.CLUSTER_RULES,
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ("resetchannels", "&stoppress:*"),
        ("resetkeys", "~stoppress:*"),
        ("resetkeys %R~stoppress:*", "~stoppress:*"),
        ("-info", "+info"),
        ("-spublish", "+spublish"),
        ("-ssubscribe", "+ssubscribe"),
        ("-eval", "+eval"),
        ("-evalsha", "+evalsha"),
        ("-xadd -hset", "+xadd"),
        ("-xinfo -xgroup", "+xinfo|consumers"),
        ("-time", "+time"),
        ("-@all", "+eval"),
        ("-@write", "+xadd"),
        ("+@all -@admin -@dangerous", "+info"),
        ("+@all resetchannels", "&stoppress:*"),
    ],
)
async def test_a_missing_right_is_named_with_what_grants_it(
    server: Server, settings: Settings, rules: str, named: str
) -> None:
    """One line at the start, without the password; what it says is enough."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "), *rules.split(" "))
    with pytest.raises(UnfitServer) as unfit:
        await connect(address(server), settings)
    line = str(unfit.value)
    assert "\n" not in line and named in line
    assert PASSWORD not in line and ENCODED not in line
    match = re.search(r"`ACL SETUSER stoppress (.*)`", line)
    assert match
    allow(server, *match[1].split(" "))
    async with connected(address(server), settings) as shards:
        await everything(shards, settings)


@pytest.mark.asyncio
@pytest.mark.parametrize("command", ["WAIT", "WAITAOF"])
async def test_what_writes_wait_for_is_asked_for_too(
    kind: str, tmp_path: Path, command: str
) -> None:
    """Else each write would be kept, and called unknown."""
    if kind == "redis" and command == "WAITAOF":
        return  # Debian's has none
    settings = Settings(durability="replicas:1" if command == "WAIT" else "fsync")
    server = Server(kind, tmp_path, EVERYSEC)
    server.start()
    try:
        name = command.lower()
        allow(server, *ON, *redis_user_rights.RULES.split(" "), f"-{name}")
        with pytest.raises(UnfitServer, match=rf"ACL SETUSER stoppress \+{name}`"):
            await connect(address(server), settings)
    finally:
        server.kill()


@pytest.mark.asyncio
async def test_hidden_settings_are_no_hindrance(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """CONFIG is optional."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "), "-config")
    async with connected(address(server), settings) as shards:
        await everything(shards, settings)
    assert "does not show its settings" in caplog.text


@pytest.mark.asyncio
@pytest.mark.parametrize("renamed", ["CONFIG", "INFO", "SPUBLISH", "EVAL"])
async def test_a_renamed_command(
    kind: str, tmp_path: Path, settings: Settings, renamed: str
) -> None:
    """CONFIG may be hidden, and the rest is named."""
    server = Server(kind, tmp_path)
    server.start("--rename-command", renamed, "hidden")
    try:
        if renamed == "CONFIG":
            async with connected(server.url, settings) as shards:
                await everything(shards, settings)
            return
        with pytest.raises(UnfitServer, match=renamed) as unfit:
            await connect(server.url, settings)
        assert "rename-command" in str(unfit.value)
    finally:
        server.kill()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("renamed", "address"),
    [("AUTH", "unix://:s3cr3t@{}"), ("SELECT", "unix://{}?db=2")],
)
async def test_a_renamed_command_that_the_address_needs(
    kind: str, tmp_path: Path, settings: Settings, renamed: str, address: str
) -> None:
    """Refused too: it would not be there later either."""
    server = Server(kind, tmp_path)
    server.start("--rename-command", renamed, "hidden")
    try:
        with pytest.raises(UnfitServer, match=renamed) as unfit:
            await connect(address.format(server.socket), settings)
        assert "rename-command" in str(unfit.value)
        assert "s3cr3t" not in str(unfit.value)
    finally:
        server.kill()


WRITES = {
    "write": writes._WRITE,
    "make": writes._MAKE,
    "drop": writes._DROP,
    "recall": writes._RECALL,
    "renew": writes._RENEW,
    "confirm": writes._CONFIRM,
    "census": reader_census._CENSUS,
    "make_token": token_and_ticket_key_store._MAKE_TOKEN,
    "drop_token": token_and_ticket_key_store._DROP_TOKEN,
    "add_webhook": webhook_store._ADD,
    "drop_webhook": webhook_store._DROP,
    "queue_resends": webhook_store._QUEUE,
    "keep_under_key": value_under_key._KEEP,
    "touch_presence": desk_log_scripts._TOUCH,
    "change_settings": audit_log._CHANGE_SETTINGS,
    "erase": post_erasure._ERASE,
}


def _commands(text: bytes, function: bytes) -> set[str]:
    return {one.decode() for one in re.findall(rb"\b%b\('([A-Z]+)'" % function, text)}


@pytest.mark.parametrize("name", WRITES)
def test_a_script_asks_for_all_that_it_calls(name: str) -> None:
    """Before it writes; INFO and a first HMGET are called before that."""
    source = WRITES[name].source
    called = _commands(source, rb"redis\.call")
    assert called - _commands(source, rb"need") <= {"INFO", "HMGET"}


def test_all_that_is_called_is_asked_for() -> None:
    """In scripts and beside them; CONFIG, CLIENT and SELECT are looked at elsewhere."""
    folder = Path(redis_commands_scripts_and_durability.__file__).parent
    called: set[str] = set()
    for file in folder.glob("lua/*.lua"):
        called |= _commands(file.read_bytes(), rb"redis\.call")
        called |= {one for one in ("ZRANGE", "ZREVRANGE") if one in file.read_text()}
    for file in folder.glob("*.py"):
        called |= set(re.findall(r'[(\s]"([A-Z]{2,})",? ?[\w"(]', file.read_text()))
    asked = {one[0] for one in redis_user_rights.COMMANDS}
    elsewhere = {"EVAL", "CONFIG", "WAIT", "WAITAOF", "CLUSTER", "BGREWRITEAOF"}
    arguments = {
        "NX",
        "XX",
        "EX",
        "GROUP",
        "STREAMS",
        "MAXLEN",
        "COUNT",
        "BLOCK",
        "NODES",
    }
    arguments |= {"CREATE", "CONSUMERS", "DELCONSUMER", "MKSTREAM", "OOM", "MISCONF"}
    arguments |= {"NOREPLICAS", "BUSY", "MASTERDOWN", "KEEPTTL", "GET", "WRONGTYPE"}
    assert called - elsewhere - arguments <= asked
    assert asked <= called | {"GET"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "command",
    sorted(
        _commands(writes._WRITE.source, rb"need") - {"UNLINK"}
        | {"INFO", "HMGET", "EVALSHA"}
    ),
)
async def test_a_right_taken_away_is_told_before_anything_is_written(
    server: Server, settings: Settings, command: str
) -> None:
    """The outcome is known, and the same key works once the right is back."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    async with connected(address(server), settings) as shards:
        store = RedisStore(shards, settings)
        await store.make_feed("x", FEED, AT, None)
        asked = write(published("p", external_id="e"), pins=("", "p"), key="k")
        allow(server, f"-{command.lower()}")
        before = everything_kept(server)
        for _ in range(2):
            with pytest.raises(Unavailable, match=rf"(?i)\b{command}\b|can't run"):
                await store.write(asked)
        assert everything_kept(server) == before
        allow(server, f"+{command.lower()}")
        done = await store.write(asked)
        assert (done.repeated, done.cursor.seq) == (False, 1)
        again = await store.write(asked)
        assert (again.repeated, again.cursor) == (True, done.cursor)


@pytest.mark.asyncio
@pytest.mark.parametrize("right", ["unlink", "spublish", "hset"])
async def test_an_epoch_ends_whole_or_not_at_all(
    server: Server, settings: Settings, right: str
) -> None:
    """A reading that would begin a new one is refused before it writes."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    async with connected(address(server), settings) as shards:
        store = RedisStore(shards, settings)
        was = (await store.make_feed("x", FEED, AT, None)).cursor
        with server.client() as client:
            client.hset("stoppress:{x}:meta", mapping={"replid": "0", "life": ""})
        allow(server, f"-{right}")
        before = everything_kept(server)
        with pytest.raises(NotPermitted, match=rf"\+{right} on"):
            await store.feed("x")
        assert everything_kept(server) == before
        allow(server, f"+{right}")
        assert (await store.feed("x")).cursor.epoch != was.epoch


def everything_kept(server: Server) -> dict[bytes, bytes]:
    """Every key's value."""
    with server.client() as client:
        return {key: client.dump(key) or b"" for key in client.scan_iter()}


@pytest.mark.asyncio
async def test_channels_taken_away(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A publish is refused and not kept; a feed is neither made anew nor deleted."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    async with connected(address(server), settings) as shards:
        store = RedisStore(shards, settings)
        await store.make_feed("x", FEED, AT, None)
        allow(server, "resetchannels")
        with pytest.raises(NotPermitted, match=r"\+spublish on stoppress:\{x\}:line"):
            await store.write(write(published("p"), key="k"))
        with pytest.raises(NotPermitted):
            await store.drop_feed("x", None, None)
        with pytest.raises(NotFound):
            await store.post("x", "p")
        assert "+spublish on" in caplog.text and PASSWORD not in caplog.text
        allow(server, "&stoppress:*")
        assert (await store.write(write(published("p"), key="k"))).cursor.seq == 1


@pytest.mark.asyncio
async def test_a_full_server_keeps_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """maxmemory with noeviction: 503, and the key works once there is room."""
    await store.make_feed("x", FEED, AT, None)
    await _refused_then_done(server, store, ("maxmemory", "1mb", "0"), "full")


@pytest.mark.asyncio
async def test_a_server_that_can_not_save_keeps_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """stop-writes-on-bgsave-error, after a save that failed."""
    await store.make_feed("x", FEED, AT, None)
    with server.client() as client:
        client.config_set("save", "3600 1000000")
        (server.folder / "dump.rdb").mkdir()
        client.bgsave()
        await until(
            lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err"
        )
    setting = ("stop-writes-on-bgsave-error", "yes", "no")
    await _refused_then_done(server, store, setting, "can't save")


@pytest.mark.asyncio
async def test_too_few_replicas_keep_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """min-replicas-to-write."""
    await store.make_feed("x", FEED, AT, None)
    setting = ("min-replicas-to-write", "1", "0")
    await _refused_then_done(server, store, setting, "too few replicas")


async def _refused_then_done(
    server: Server, store: RedisStore, setting: tuple[str, str, str], why: str
) -> None:
    name, bad, good = setting
    asked = write(published("p", external_id="e"), pins=("", "p"), key="k")
    with server.client() as client:
        client.config_set(name, bad)
        before = everything_kept(server)
        for _ in range(2):
            with pytest.raises(Unavailable, match=why):
                await store.write(asked)
        with pytest.raises(Unavailable, match=why):
            await store.drop_feed("x", None, Idempotency("t", "d", "f"))
        assert everything_kept(server) == before
        client.config_set(name, good)
    assert (await store.write(asked)).cursor.seq == 1
    assert (await store.write(asked)).repeated


@pytest.mark.asyncio
async def test_a_replica_keeps_nothing_of_a_write(
    server: Server, store: RedisStore
) -> None:
    """READONLY: it was demoted, and is promoted again."""
    await store.make_feed("x", FEED, AT, None)
    asked = write(published("p"), key="k")
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
        with pytest.raises(Unavailable, match="replica"):
            await store.write(asked)
        client.replicaof("NO", "ONE")
    done = await store.write(asked)
    assert (done.repeated, done.cursor.seq) == (False, 1)


@pytest.mark.asyncio
async def test_a_copied_database_is_not_heard(
    server: Server, settings: Settings
) -> None:
    """Database 2 is a copy of 0; what is published there stays there."""
    async with (
        connected(f"{server.url}?db=0", settings) as zero,
        connected(f"{server.url}?db=2", settings) as two,
    ):
        first, second = RedisStore(zero, settings), RedisStore(two, settings)
        await first.make_feed("x", FEED, AT, None)
        with server.client() as client:
            for key in client.scan_iter():
                assert client.copy(key, key, destination_db=2, replace=True)
        counts = Counts()
        async with (
            following(zero, first, counts) as follower,
            following(two, second, Counts()) as other,
        ):
            sink, copy = Recorder(), Recorder()
            await up(follower)
            await up(other)
            await follower.open("x", sink)
            await other.open("x", copy)
            there = await second.write(write(published("there")))
            await copy.at(there.cursor)
            here = await first.write(write(published("here")))
            await sink.at(here.cursor)
            assert [event.body for event in sink.events] == [body("here")]
            assert counts.how == []  # nothing was missed, and nothing else heard


@pytest.mark.asyncio
async def test_too_many_connections(server: Server, settings: Settings) -> None:
    """`maxclients` is told by its name, and waited out."""
    with server.client() as client:
        client.ping()
        client.config_set("maxclients", 1)
        with pytest.raises(Unavailable, match="raise its maxclients") as full:
            await connect(server.url, settings)
        assert not isinstance(full.value, UnfitServer)
        client.config_set("maxclients", 100)
    async with connected(server.url, settings):
        pass


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("stoppress:wr0ng", "WRONGPASS"),
        ("stran%20ger:wr0ng", "WRONGPASS"),
        ("", "NOAUTH"),
    ],
)
async def test_a_wrong_password(
    server: Server, settings: Settings, account: str, why: str
) -> None:
    """Refused at the start, without the password."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    allow(server, "resetpass", ">other", user="default")
    try:
        with pytest.raises(UnfitServer, match=why) as unfit:
            await connect(f"unix://{account}@{server.socket}", settings)
        assert "wr0ng" not in str(unfit.value)
    finally:
        with Redis(unix_socket_path=str(server.socket), password="other") as client:
            client.execute_command("ACL", "SETUSER", "default", "nopass")


@pytest.mark.asyncio
async def test_a_database_that_is_not_there(server: Server, settings: Settings) -> None:
    """The number is named."""
    with pytest.raises(UnfitServer, match="database number"):
        await connect(f"{server.url}?db=99", settings)


@pytest.mark.asyncio
async def test_the_follower_says_what_redis_said(
    server: Server, settings: Settings
) -> None:
    """A line that is lost for lack of channels, then of everything."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "))
    async with connected(address(server), settings) as shards:
        store = RedisStore(shards, replace(settings, redis_timeout_s=1.0))
        async with following(shards, store, Counts(), QUICK_S) as follower:
            await up(follower)
            allow(server, "resetchannels")
            await until(lambda: "&stoppress:*" in follower.reason)
            allow(server, "&stoppress:*")
            await up(follower)
            server.kill()
            await up(follower, healthy=False)
            await until(lambda: "Redis is away" in follower.reason)
