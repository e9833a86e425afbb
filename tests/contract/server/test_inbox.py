"""Any Redis client publishes, with a signature; tokens do not reach the disk."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis

from stoppress.domain.signed_redis_inbox_entry import signed_entry
from tests.conftest import Server
from tests.waiting import wait_until

REFUSED = "stoppress:inbox:refused"


def store_of(server: Server) -> Any:
    """A client of its store."""
    return Redis.from_url(f"unix://{quote(str(server.data / 'valkey.sock'))}")


@pytest.fixture
def token(server: Server) -> str:
    """A token that may publish."""
    made = server.request("POST", "/v1/tokens", {"name": "wire", "scopes": ["publish"]})
    secret: str = made.json()["token"]
    return secret


def refused_after(store: Any, entry: dict[str, str]) -> str:
    """Add an entry that is refused; the reason."""
    ident = store.xadd("stoppress:inbox", dict(entry)).decode()
    found: list[str] = []

    def is_refused() -> bool:
        for _, kept in store.xrange(REFUSED):
            if kept[b"id"].decode() == ident:
                found.append(kept[b"reason"].decode())
        return bool(found)

    wait_until(is_refused)
    return found[0]


def test_a_signed_entry_is_published_once(server: Server, token: str) -> None:
    """By the signer; a copy and a forgery are refused."""
    feed = server.new_feed()
    now = time.time_ns() // 1_000_000
    with store_of(server) as store:
        entry = signed_entry(token, feed, '{"body": "By wire."}', now)
        store.xadd("stoppress:inbox", dict(entry))
        path = f"/v1/feeds/{feed}/posts"
        wait_until(lambda: server.request("GET", path).json()["posts"])
        assert "a copy of the entry" in refused_after(store, entry)
        for forged in (
            signed_entry("sp_unknown", feed, "{}", now),
            entry | {"feed": "other"},
            entry | {"key": "0" * 16},
        ):
            assert "not made by a known token" in refused_after(store, forged)
        late = signed_entry(token, feed, "{}", now - 6 * 60_000)
        assert "set the clock" in refused_after(store, late)
    posts = server.request("GET", path).json()["posts"]
    assert [post["body"] for post in posts] == ["By wire."]
    audit = server.request("GET", f"/v1/audit?feed={feed}").json()["entries"]
    (wired,) = (one for one in audit if one["what"] == "post.published")
    assert (wired["who"], wired["from"]) == (entry["key"], "inbox")


def test_a_token_in_an_entry_is_refused(server: Server) -> None:
    """The log warns that the token is exposed."""
    feed = server.new_feed()
    entry = {"token": "sp_known-to-the-disk", "feed": feed, "post": '{"body": "x"}'}
    with store_of(server) as store:
        assert "revoke that token" in refused_after(store, entry)
    wait_until(lambda: "revoke that token" in server.log.read_text())
    assert "sp_known-to-the-disk" not in server.log.read_text()


def test_no_token_is_on_disk_or_in_the_process_list(server: Server, token: str) -> None:
    """Only the server's user may read its files."""
    signed = server.request("GET", "/v1/tokens", authorization=f"Bearer {token}")
    assert signed.status_code == 403
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert token.encode() not in path.read_bytes(), path
        assert server.token.encode() not in path.read_bytes(), path
        assert path.stat().st_mode & 0o077 == 0, path
    assert server.data.stat().st_mode & 0o077 == 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path("/proc", pid, "cmdline").read_bytes()
        except OSError:
            continue
        if b"stoppress" in command or b"valkey" in command:
            assert server.token.encode() not in command


def test_write_limits_apply_to_the_inbox(
    tmp_path: Path, serving: Callable[..., Any]
) -> None:
    """Entries over a limit are refused, with the reason."""
    limit = {"STOPPRESS_CALLER_WRITES_PER_S": "1"}  # and 300 at once
    with serving(tmp_path / "data", **limit) as server:
        feed = server.new_feed()
        made = server.request("POST", "/v1/tokens", {"scopes": ["publish"]}).json()
        now = time.time_ns() // 1_000_000
        with store_of(server) as store:
            for number in range(400):
                post = json.dumps({"body": f"{number}"})
                entry = signed_entry(made["token"], feed, post, now)
                store.xadd("stoppress:inbox", dict(entry))
            wait_until(lambda: store.xlen("stoppress:inbox") == 0)
            kept = store.xrange(REFUSED)
        assert 0 < len(kept) <= 100
        assert {fields[b"reason"].split(b":")[0] for _, fields in kept} == {
            b"too many writes"
        }
