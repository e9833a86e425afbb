"""What the API answers while Redis is away, and once it is back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.contract.server.asking import problem, public, read, said
from tests.ports import reserve_port
from tests.waiting import wait_until

Serving = Callable[..., AbstractContextManager[Server]]


@contextmanager
def redis_on(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Redis that keeps what it confirms."""
    binary = shutil.which("redis-server")
    assert binary is not None
    process = subprocess.Popen(
        [binary, "--port", str(port), "--dir", str(folder), "--save", ""]
        + ["--appendonly", "yes", "--appendfsync", "always"],
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if b"eady to accept" in line:
                break
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.skipif(not shutil.which("redis-server"), reason="needs redis-server")
def test_without_redis_reads_come_from_memory_and_writes_are_503(
    serving: Serving, tmp_path: Path
) -> None:
    """503 with Retry-After; snapshots carry their age."""
    port = reserve_port()
    redis = f"redis://127.0.0.1:{port}"
    with redis_on(port, tmp_path) as process:
        with serving(tmp_path / "data", "--redis", redis) as server:
            feed = server.new_feed()
            made = server.publish(feed, "a")
            snapshot = read(server, f"/v1/feeds/{feed}")
            assert "age" not in snapshot.headers
            process.kill()
            process.wait()
            path = f"/v1/feeds/{feed}/posts"
            key = {"idempotency_key": "k"}
            away = server.request("POST", path, {"body": "b"}, **key)
            assert "Idempotency-Key" in problem(away, 503)["detail"]
            assert int(away.headers["retry-after"]) >= 1
            kept = read(server, f"/v1/feeds/{feed}")
            assert kept.json() == snapshot.json()
            assert kept.headers["etag"] == snapshot.headers["etag"]
            wait_until(lambda: "age" in read(server, f"/v1/feeds/{feed}").headers)
            wait_until(lambda: read(server, "/readyz").status_code == 503)
            why = problem(read(server, "/readyz"), 503)["detail"]
            assert why.startswith("no events arrive: Redis is away: ")
            assert read(server, "/healthz").status_code == 200
            with redis_on(port, tmp_path):
                wait_until(lambda: read(server, "/readyz").status_code == 200)
                settled = server.request("POST", path, {"body": "b"}, **key)
                assert settled.status_code == 201
                after = read(server, f"/v1/feeds/{feed}")
                assert [said(post) for post in after.json()["posts"]] == ["b", "a"]
                assert after.json()["posts"][1] == public(made["post"])
                assert "age" not in after.headers
