"""Sets of kept data: what one release wrote, recorded once, loaded by every later one.

    python -m tests.contract.server.kept_sets PYTHON NAME

runs the release that is installed for PYTHON on a Valkey of its own, lets an editor do
one of everything, and writes `tests/fixtures/kept/NAME.json`:

- `keys`: every key of Redis, by name, with its type and value as text;
- `pubsub`: what came over the channels of its feeds;
- `snapshots` and `line`: what an open tab held at the beginning, and heard since;
- `cursors`: every place at which a reader may have been left behind;
- `secrets`, `repeats`: the tokens, and writes with their Idempotency-Key and answer.

A set is never changed: it is what is out there. Each release adds its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import connect

from stoppress.log.redis_keys import feed_keys
from tests.contract.store.servers import Server as Store

FOLDER = Path(__file__).parents[2] / "fixtures" / "kept"
ADMIN = "sp_the-admin-of-the-kept-sets"
FEEDS = ("flood", "vote")
SKIPPED = ("stoppress:node", "stoppress:readers", "stoppress:inbox")
"""What belongs to the server that was, not to what it kept."""

FULL: dict[str, Any] = {
    "external_id": "wire/7",
    "headline": "Dyke holds & the water – still – rises",
    "body": "**Two** metres above the mark.\n\n- one\n- two",
    "language": "tr",
    "direction": "ltr",
    "key": True,
    "breaking": True,
    "pinned": True,
    "tags": ["river", "weather"],
    "authors": [{"name": "Ada", "url": "https://example.org/ada"}, {"name": "Ben"}],
    "source": {"name": "Wire", "url": "https://example.org/wire"},
    "media": [
        {"type": "image", "url": "https://example.org/a.png", "width": 8, "alt": "a"},
        {"type": "quote", "text": "We stay.", "caption": "the mayor"},
        {"type": "link", "url": "https://example.org/b", "title": "More"},
        {"type": "embed", "url": "https://example.org/c", "provider": "Video"},
    ],
    "published_at": "2026-11-22T09:20:00+03:00",
}


@dataclass
class Editor:
    """Writes to the server that is recorded."""

    client: httpx.Client
    repeats: list[dict[str, Any]]

    def do(self, method: str, path: str, given: object = None, **headers: str) -> Any:
        """One call, which has to succeed; its answer."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.client.request(method, path, json=given, headers=names)
        answer.raise_for_status()
        value = answer.json() if answer.content else None
        if "idempotency_key" in headers:
            call = {"method": method, "path": path, "given": given, "headers": names}
            self.repeats.append(call | {"answer": value})
        return value

    def post(self, feed: str, given: Mapping[str, Any], **headers: str) -> Any:
        """Publish a post."""
        return self.do("POST", f"/v1/feeds/{feed}/posts", given, **headers)["post"]


def everything(editor: Editor) -> dict[str, str]:
    """Do one of everything; the secrets of the tokens that were made."""
    first = editor.post("flood", FULL, idempotency_key="publish")
    second = editor.post("flood", {"body": "plain"})
    gone = editor.post("flood", {"body": "not for long", "external_id": "wire/8"})
    path = f"/v1/feeds/flood/posts/{first['id']}"
    note = {"correction": {"note": "It was one metre."}, "headline": "Dyke holds"}
    editor.do("PATCH", path, note, if_match='"1"', idempotency_key="edit")
    path = f"/v1/feeds/flood/posts/{second['id']}"
    editor.do("PATCH", path, {"pinned": True, "key": True}, if_match='"1"')
    path = f"/v1/feeds/flood/posts/{gone['id']}"
    editor.do("DELETE", path, idempotency_key="withdraw")
    feed = {"summary": "All of it.", "links": [{"title": "Map", "url": "/map"}]}
    editor.do("PATCH", "/v1/feeds/flood", feed, idempotency_key="feed")
    editor.post("vote", {"headline": "Counting begins"})
    secrets = {}
    for name, scope, feeds in (
        ("read", "read", ["vote"]),
        ("write", "manage", None),
        ("admin", "admin", None),
    ):
        given = {"name": name, "scopes": [scope], "feeds": feeds}
        secrets[name] = editor.do("POST", "/v1/tokens", given)["token"]
    return secrets


def record(python: str, release: str) -> dict[str, Any]:
    """What the release that is installed for `python` keeps, and says."""
    with tempfile.TemporaryDirectory(prefix="stop-press-") as name:
        folder = Path(name)
        store = Store("valkey", folder / "store")
        store.start()
        environment = {k: v for k, v in os.environ.items() if "STOPPRESS" not in k}
        environment.pop("PYTHONPATH", None)
        process = subprocess.Popen(
            [python, "-m", "stoppress", "serve", "--port", "0"]
            + ["--data", str(folder / "data"), "--redis", store.url],
            stdout=subprocess.PIPE,
            env=environment | {"STOPPRESS_ADMIN_TOKEN": ADMIN},
            text=True,
        )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            with store.client() as redis:
                return {"release": release, **_recorded(url, redis)}
        finally:
            process.terminate()
            process.wait(60)
            store.kill()


def _recorded(url: str, redis: Any) -> dict[str, Any]:
    repeats: list[dict[str, Any]] = []
    headers = {"authorization": f"Bearer {ADMIN}"}
    client = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)
    with client, closing(redis.pubsub()) as channels:
        editor = Editor(client, repeats)
        for slug, visibility in zip(FEEDS, ("public", "private"), strict=True):
            feed = {"slug": slug, "title": slug.title(), "visibility": visibility}
            editor.do("POST", "/v1/feeds", feed, idempotency_key=f"make {slug}")
        snapshots = {slug: editor.do("GET", f"/v1/feeds/{slug}") for slug in FEEDS}
        channels.ssubscribe(*(feed_keys(slug).line for slug in FEEDS))
        places = "&".join(f"feed={s}@{snapshots[s]['cursor']}" for s in FEEDS)
        live = f"{url.replace('http', 'ws')}/v1/live?{places}&token={ADMIN}"
        with connect(live, proxy=None) as socket:
            secrets = everything(editor)
            heads = {s: editor.do("GET", f"/v1/feeds/{s}")["cursor"] for s in FEEDS}
            line = _heard(socket, set(heads.values()))
        pubsub = []
        while message := channels.get_sharded_message(timeout=1):
            if message["type"] == "smessage":
                slug = next(
                    s for s in FEEDS if feed_keys(s).line.encode() == message["channel"]
                )
                pubsub.append([slug, message["data"].decode()])
        return {
            "secrets": secrets,
            "cursors": {
                slug: [f"{epoch}-{seq}" for seq in range(int(last) + 1)]
                for slug, (epoch, last) in (
                    (slug, head.rsplit("-", 1)) for slug, head in heads.items()
                )
            },
            "repeats": repeats,
            "snapshots": snapshots,
            "line": line,
            "pubsub": pubsub,
            "keys": dumped(redis),
        }


def _heard(socket: Any, until: set[str]) -> list[Any]:
    """What came over a line, until it was at all these cursors."""
    received: list[Any] = []
    end = time.monotonic() + 20
    while until:
        received.append(json.loads(socket.recv(timeout=end - time.monotonic())))
        until.discard(received[-1].get("cursor"))
    return received


def dumped(redis: Any) -> dict[str, Any]:
    """Every key, by name: its type, and its value as text."""
    found: dict[str, Any] = {}
    for raw in sorted(redis.scan_iter()):
        name, kind = raw.decode(), redis.type(raw).decode()
        if name in SKIPPED:
            continue
        value: Any
        if kind == "hash":
            value = _texts(redis.hgetall(raw))
        elif kind == "stream":
            value = [[i.decode(), _texts(fields)] for i, fields in redis.xrange(raw)]
        elif kind == "zset":
            pairs = redis.zrange(raw, 0, -1, withscores=True)
            value = [[member.decode(), score] for member, score in pairs]
        else:
            value = redis.get(raw).decode()
        found[name] = [kind, value]
    return found


def _texts(pairs: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): _text(value) for name, value in pairs.items()}


def _text(raw: bytes) -> str:
    """As text; bytes that are no UTF-8, as in a feed's secret, become surrogates."""
    return raw.decode(errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def load(redis: Any, found: Mapping[str, Any]) -> None:
    """Put a set into an empty Redis, as if it had always been this one's.

    Its epochs are taken over too (see `log/epoch_rule_and_script_arguments.py`): what
    is tested is a later release on the same server, not a move to another.
    """
    replid = redis.info("replication")["master_replid"]
    for name, (kind, value) in found["keys"].items():
        if kind == "hash":
            mapping = {field: _bytes(text) for field, text in value.items()}
            redis.hset(name, mapping=mapping)
            if "replid" in value:
                redis.hset(name, "replid", replid)
        elif kind == "stream":
            for ident, fields in value:
                redis.xadd(name, fields, id=ident)
        elif kind == "zset":
            redis.zadd(name, dict(value))
        else:
            redis.set(name, value, ex=3600)


def sets() -> dict[str, Any]:
    """Every set there is, by its name."""
    return {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in sorted(FOLDER.glob("*.json"))
    }


def main() -> None:
    """Record the set of one release."""
    python, release = sys.argv[1:]
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record(python, release), indent=1)
    (FOLDER / f"{release}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
