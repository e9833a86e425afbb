"""What the user in the store may do: what is documented is enough, the rest is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stoppress.domain.errors import NotFound, NotPermitted, Unavailable
from stoppress.log import (
    answer_under_idempotency_key,
    audit_log,
    desk_log_and_schedule_scripts,
    erase_post_in_all_processes,
    reader_census,
    redis_commands_scripts_and_durability,
    redis_user_rights,
    template_and_note_store,
    token_and_ticket_key_store,
    webhook_store,
)
from stoppress.log import (
    feed_write_scripts as writes,
)
from stoppress.log.connect import connect, reach
from stoppress.log.redis_server_checks import UnfitServer
from stoppress.log.store import RedisStore
from stoppress.settings import Settings
from tests.contract.store.clusters import Cluster
from tests.contract.store.fleets import Fleet
from tests.contract.store.news import AT, FEED, published, write
from tests.contract.store.redis_users import (
    ENCODED,
    LINES,
    ON,
    PASSWORD,
    address,
    allow,
    connected,
    documented,
    everything,
    everything_kept,
)
from tests.contract.store.servers import EVERYSEC, Server


@pytest.mark.asyncio
@pytest.mark.parametrize("database", [0, 2])
async def test_the_documented_acl_is_sufficient(
    server: Server, settings: Settings, database: int
) -> None:
    """The whole product works with it."""
    allow(server, *documented(LINES[0])[2:])
    async with connected(address(server, database), settings) as shards:
        await everything(shards, settings)


@pytest.mark.asyncio
async def test_the_documented_acls_for_sentinels_are_sufficient(
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
async def test_the_documented_acl_for_a_cluster_is_sufficient(
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


def test_documented_and_required_rights_agree() -> None:
    """The docs grant exactly the rights that are checked."""
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
async def test_a_missing_right_is_named_with_its_grant(
    server: Server, settings: Settings, rules: str, named: str
) -> None:
    """One line at the start, without the password; the grant it names is sufficient."""
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
async def test_the_right_to_wait_for_durability_is_checked(
    kind: str, tmp_path: Path, command: str
) -> None:
    """Otherwise each write would be kept, and its outcome unknown."""
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
async def test_the_right_to_config_is_optional(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The server starts without it."""
    allow(server, *ON, *redis_user_rights.RULES.split(" "), "-config")
    async with connected(address(server), settings) as shards:
        await everything(shards, settings)
    assert "does not show its settings" in caplog.text


@pytest.mark.asyncio
@pytest.mark.parametrize("renamed", ["CONFIG", "INFO", "SPUBLISH", "EVAL"])
async def test_a_renamed_command_is_named(
    kind: str, tmp_path: Path, settings: Settings, renamed: str
) -> None:
    """CONFIG may be renamed; any other is reported."""
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
async def test_a_renamed_command_that_the_address_needs_is_refused(
    kind: str, tmp_path: Path, settings: Settings, renamed: str, address: str
) -> None:
    """It would be missing later, too."""
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
    "queue_webhook_resends": webhook_store._QUEUE,
    "keep_under_idempotency_key": answer_under_idempotency_key._KEEP,
    "change_desk_text": template_and_note_store._CHANGE,
    "touch_presence": desk_log_and_schedule_scripts._TOUCH,
    "record_changed_settings": audit_log._CHANGE_SETTINGS,
    "erase": erase_post_in_all_processes._ERASE,
}


def _commands(text: bytes, function: bytes) -> set[str]:
    return {one.decode() for one in re.findall(rb"\b%b\('([A-Z]+)'" % function, text)}


@pytest.mark.parametrize("name", WRITES)
def test_each_script_checks_every_right_it_needs(name: str) -> None:
    """Before it writes; only INFO and a first HMGET precede the check."""
    source = WRITES[name].source
    called = _commands(source, rb"redis\.call")
    assert called - _commands(source, rb"need") <= {"INFO", "HMGET"}


def test_every_command_called_is_a_required_right() -> None:
    """In scripts and outside; CONFIG, CLIENT and SELECT have other checks."""
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
async def test_a_missing_right_is_reported_before_any_write(
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
async def test_an_epoch_changes_completely_or_not_at_all(
    server: Server, settings: Settings, right: str
) -> None:
    """A read that would begin a new one is refused before it writes."""
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


@pytest.mark.asyncio
async def test_writes_without_the_right_to_channels_are_refused(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """No publish is kept; feeds are neither created anew nor deleted."""
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
