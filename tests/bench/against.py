"""Stop Press beside its peers: the same readers, the same bytes, one run.

    python -m tests.bench.against [--rounds 5] [--write docs/benchmarks]

Every server is pinned to one core, the loaders to the other; the servers take
turns, round after round, and what is compared are medians and their ratios. A peer
gets the message that Stop Press would have sent, to the byte in length. nchan is
Debian's (`nginx`, `libnginx-mod-nchan`), ws comes from npm into a folder of this
run. What is not there is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from stoppress.bench.plan import BenchFailed, Plan
from stoppress.bench.report import check_limit, figures
from stoppress.bench.run import run
from stoppress.bench.target import STOP_PRESS, Target

HERE = Path(__file__).parent
PEERS = HERE / "peers"
SERVER_CORE, LOADER_CORE = "0", {1}
TOKEN = "sp_bench-bench-bench-bench"
OK = frozenset({200, 201, 202})
UPGRADED = b"\r\n\r\n"

Row = dict[str, float | int | str | None]


class Peer(NamedTuple):
    """One server of the comparison: how to reach and how to start it."""

    target: Target
    command: list[str]
    environ: dict[str, str]


class Work(NamedTuple):
    """One kind of run."""

    name: str
    posts: int
    rate: float
    transport: str


WORKS = (
    Work("burst", 200, 0, "websocket"),
    Work("steady", 20, 2, "websocket"),
)


def peer_target(name: str, follow: str, publish: str) -> Target:
    """A peer's addresses; a reader is in as soon as its upgrade was answered."""
    return Target(name, follow, follow, UPGRADED, publish, OK)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def peers(folder: Path, port: int, modules: Path) -> Iterator[Peer]:
    """Whatever is here to be compared with; `modules` is npm's folder."""
    python = sys.executable
    yield Peer(
        STOP_PRESS,
        [python, "-m", "stoppress", "serve", "--port", str(port)],
        {"STOPPRESS_DATA": str(folder / "data"), "STOPPRESS_ADMIN_TOKEN": TOKEN},
    )
    module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
    if module.exists():
        conf = folder / "nchan.conf"
        text = (PEERS / "nchan.conf").read_text()
        conf.write_text(text.format(module=module, folder=folder, port=port))
        target = peer_target("nchan", "/follow/{feed}", "/publish/{feed}")
        yield Peer(target, ["nginx", "-c", str(conf), "-p", str(folder)], {})
    if modules.exists():
        node = ["node", str(PEERS / "ws.js"), str(port)]
        yield Peer(
            peer_target("ws", "/", "/publish"), node, {"NODE_PATH": str(modules)}
        )
    uvicorn = [python, "-m", "uvicorn", "--app-dir", str(PEERS), "--port", str(port)]
    uvicorn += ["--log-level", "warning", "--no-access-log", "--backlog", "8192"]
    uvicorn += ["--ws-per-message-deflate", "false", "--ws-ping-interval", "600"]
    target = peer_target("Starlette loop", "/follow", "/publish")
    yield Peer(target, [*uvicorn, "starlette_loop:app"], {})


def say(text: str) -> None:
    """One line for whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def running(peer: Peer, port: int, folder: Path) -> Iterator[None]:
    """The peer, pinned to the server's core, until the end of the block."""
    environ = {**os.environ, **peer.environ}
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *peer.command],
        env=environ,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        wait_for(port, process, folder)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the port answers. Raises BenchFailed with what the server said."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchFailed(
        (folder / "log").read_text()[-2000:] or "the server did not start"
    )


def one(
    peer: Peer, work: Work, readers: int, size: int, folder: Path, port: int
) -> Row:
    """One run against one server, started for it."""
    plan = Plan(
        target=peer.target,
        url=f"http://127.0.0.1:{port}",
        token=TOKEN if peer.target.is_ours else "",
        feed=f"bench-{work.name}",
        readers=readers,
        posts=work.posts,
        rate=work.rate,
        size=size,
        transport="sse" if work.transport == "sse" else "websocket",
        loaders=1,
        timeout_s=120.0,
    )
    with running(peer, port, folder):
        found = run(plan)
        row = figures(plan, found)
        try:
            check_limit(found)
        except BenchFailed as limit:
            row["note"] = str(limit)
        return row


def compare(
    rounds: int, readers: int, size: int, folder: Path
) -> dict[str, dict[str, list[Row]]]:
    """Every work on every server, in turns: work, server, rows."""
    found: dict[str, dict[str, list[Row]]] = {}
    modules = folder.parent / "node_modules"
    names = [peer.target.name for peer in peers(folder, 0, modules)]
    for name in ("nchan", "ws"):
        if name not in names:
            say(f"left out: {name} is not installed")
    for turn in range(rounds):
        for work in WORKS:
            wire = size
            for index, _ in enumerate(names):
                place = folder / f"{turn}-{work.name}-{index}"
                place.mkdir()
                port = free_port()
                peer = list(peers(place, port, modules))[index]
                row = one(peer, work, readers, wire, place, port)
                if peer.target.is_ours:
                    # Four bytes of every frame are its header.
                    wire = int(float(row["bytes_a_delivery"] or size)) - 4
                found.setdefault(work.name, {}).setdefault(peer.target.name, []).append(
                    row
                )
                say(
                    f"round {turn + 1}, {work.name}, {peer.target.name}: "
                    f"{row['deliveries_per_s']:,.0f}/s, p99 {row['p99_ms']:.0f} ms, "
                    f"{row['cpu_us_a_delivery']:.2f} µs, {row.get('note', '')}"
                )
                shutil.rmtree(place, ignore_errors=True)
    return found


def medians(rows: list[Row]) -> Row:
    """The median of every figure over the rounds."""
    shown: Row = {}
    for name, value in rows[0].items():
        values = [row[name] for row in rows if isinstance(row.get(name), int | float)]
        shown[name] = statistics.median(values) if values else value  # type: ignore[type-var]  # numbers
    return shown


def tell(found: dict[str, dict[str, list[Row]]]) -> dict[str, dict[str, Row]]:
    """Print medians, and each server's ratio to Stop Press; returns them."""
    shown: dict[str, dict[str, Row]] = {}
    for work, servers in found.items():
        say(f"\n{work}: medians of {len(next(iter(servers.values())))} rounds")
        ours = medians(servers[STOP_PRESS.name])
        for name, rows in servers.items():
            row = medians(rows)
            row["speed_of_stop_press"] = number(ours, "deliveries_per_s") / number(
                row, "deliveries_per_s"
            )
            row["cpu_of_stop_press"] = number(ours, "cpu_us_a_delivery") / number(
                row, "cpu_us_a_delivery"
            )
            shown.setdefault(work, {})[name] = row
            say(
                f"  {name:16} {number(row, 'deliveries_per_s'):>10,.0f}/s"
                f"  p99 {number(row, 'p99_ms'):7.1f} ms"
                f"  CPU {number(row, 'cpu_us_a_delivery'):6.2f} µs"
                f"  RSS {number(row, 'rss_kb_a_reader'):5.1f} KB"
                f"  handshakes {number(row, 'handshakes_per_s'):>7,.0f}/s"
                f"  Stop Press is {row['speed_of_stop_press']:.2f}x as fast,"
                f" takes {row['cpu_of_stop_press']:.2f}x its CPU"
            )
    return shown


def number(row: Row, name: str) -> float:
    """A figure that is there."""
    value = row[name]
    assert isinstance(value, int | float)
    return float(value)


def main() -> None:
    """Compare, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readers", type=int, default=5000)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, LOADER_CORE)
    with tempfile.TemporaryDirectory(prefix="against-") as name:
        folder = Path(name) / "runs"
        folder.mkdir()
        if shutil.which("npm"):
            packages = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
            subprocess.run([*packages, "--prefix", name, "ws@8"], check=False)
        shown = tell(compare(options.rounds, options.readers, options.size, folder))
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        report = {"machine": platform.platform(), "medians": shown}
        target = options.write / "against.json"
        target.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except BenchFailed as failed:
        sys.exit(f"error: {failed}")
