"""A Redis Cluster of three primaries with two replicas each, and what moves in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot

from tests.contract.store.servers import ALWAYS, Server
from tests.ports import reserve_port
from tests.waiting import until_in_thread, wait_until

PRIMARIES, REPLICAS = 3, 2
FAILOVER_MS = 4000
"""Silence after which a primary is replaced: longer than a busy machine's pauses."""
NEVER_MS = 600_000
"""Without replicas nobody could replace it: it keeps its slots though it is busy."""


class Node(Server):
    """One server of a cluster."""

    def __init__(
        self, kind: str, folder: Path, settings: Sequence[str], *, replicas: int
    ) -> None:
        super().__init__(kind, folder, settings, reserve_port())
        self._bus = reserve_port()
        self._timeout_ms = FAILOVER_MS if replicas else NEVER_MS
        self.name = ""

    def _options(self) -> list[str]:
        # fmt: off
        return [
            *super()._options(),
            "--cluster-enabled", "yes", "--cluster-port", str(self._bus),
            "--cluster-node-timeout", str(self._timeout_ms),
            "--cluster-config-file", "nodes.conf",
            "--cluster-require-full-coverage", "no",
            # A replica replaces its primary however long that took.
            "--cluster-replica-validity-factor", "0",
        ]
        # fmt: on

    def say(self, *command: bytes | str | int) -> Any:
        """A command, and its raw answer."""
        with self.client() as client:
            return client.execute_command(*command)

    def asked(self, *command: bytes | str | int) -> Any:
        """Like `say`, as who was sent here by ASK."""
        with self.client() as client:
            both = client.pipeline(transaction=False)
            both.execute_command("ASKING")
            both.execute_command(*command)
            return both.execute()[1]


class Cluster:
    """Nine servers."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        settings: Sequence[str] = ALWAYS,
        *,
        replicas: int = REPLICAS,
        tls: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.nodes = [
            Node(kind, folder / f"node{number}", settings, replicas=replicas)
            for number in range(PRIMARIES * (1 + replicas))
        ]
        for node in self.nodes:
            node.tls = tls
        self._replicas = replicas

    @property
    def url(self) -> str:
        """The address of the whole, by some of its servers."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.nodes[1:4])
        return f"redis+cluster://{hosts}"

    async def start(self) -> None:
        """Start all; returns when everybody agrees."""
        await asyncio.to_thread(self._form)
        await until_in_thread(lambda: all(map(self._agrees, self.nodes)))

    def _form(self) -> None:
        first, *others = self.nodes
        for node in self.nodes:
            node.start()
            node.name = _text(node.say("CLUSTER MYID"))
        primaries = self.nodes[:PRIMARIES]
        for number, node in enumerate(primaries):
            start = SLOTS * number // PRIMARIES
            end = SLOTS * (number + 1) // PRIMARIES - 1
            node.say("CLUSTER ADDSLOTSRANGE", start, end)
            node.say("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in others:
            port, bus = str(node.port), str(node._bus)
            first.say("CLUSTER MEET", "127.0.0.1", port, bus)
        for number, node in enumerate(self.nodes[PRIMARIES:]):
            primary = primaries[number % PRIMARIES]
            wait_until(partial(_knows, node, primary))
            node.say("CLUSTER REPLICATE", primary.name)

    def _agrees(self, node: Node) -> bool:
        info = node.say("CLUSTER INFO")
        with node.client() as client:
            replication = client.info("replication")
        is_whole = (
            replication.get("master_link_status") == "up"
            if replication["role"] == "slave"
            else int(replication["connected_slaves"]) == self._replicas
        )
        return (
            info["cluster_state"] == "ok"
            and int(info["cluster_known_nodes"]) == len(self.nodes)
            and is_whole
        )

    def owner(self, key: str) -> Node:
        """The server that has a key, as most of those who answer say."""
        slot = key_slot(key.encode())
        votes: dict[str, int] = {}
        for node in filter(Node.is_answering, self.nodes):
            for place in _owners(node, slot):
                votes[place] = votes.get(place, 0) + 1
        port = max(votes, key=lambda place: votes[place]).rpartition(":")[2]
        return next(one for one in self.nodes if one.port == int(port))

    def replicas(self, primary: Node) -> list[Node]:
        """Who follows it."""
        lines = primary.say("CLUSTER NODES")
        ports = {
            int(at.rpartition(":")[2])
            for at, node in lines.items()
            if node["master_id"] == primary.name
        }
        return [one for one in self.nodes if one.port in ports]

    async def move(self, key: str, *, in_one_step: bool = False) -> Node:
        """Move the slot of a key, keys and all, to another primary; to which.

        In one step, as Valkey 9 can; else key by key, as every cluster does.
        """
        slot = key_slot(key.encode())
        source = await asyncio.to_thread(self.owner, key)
        target = next(
            one
            for one in self.nodes
            if one is not source and one.is_answering() and _is_primary(one)
        )
        if in_one_step:
            source.say(
                *("CLUSTER MIGRATESLOTS", "SLOTSRANGE", slot, slot),
                *("NODE", target.name),
            )
            await until_in_thread(lambda: self.owner(key) is target)
        else:
            await asyncio.to_thread(self._move, slot, source, target)
        return target

    def _move(self, slot: int, source: Node, target: Node) -> None:
        begin_move(slot, source, target)
        while keys := source.say("CLUSTER GETKEYSINSLOT", slot, 10):
            migrate(source, target, *keys)
        end_move(slot, source, target)

    def kill(self) -> None:
        """End all."""
        for one in self.nodes:
            one.kill()


def begin_move(slot: int, source: Node, target: Node) -> None:
    """From now on keys of the slot may be here or there."""
    target.say("CLUSTER SETSLOT", slot, "IMPORTING", source.name)
    source.say("CLUSTER SETSLOT", slot, "MIGRATING", target.name)


def migrate(source: Node, target: Node, *keys: str) -> None:
    """Bring keys over."""
    source.say("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)


def end_move(slot: int, source: Node, target: Node) -> None:
    """All are there."""
    for node in (target, source):
        node.say("CLUSTER SETSLOT", slot, "NODE", target.name)


def _owners(node: Node, slot: int) -> Iterator[str]:
    nodes = node.say("CLUSTER NODES")
    for at, one in nodes.items():
        if "master" in one["flags"] and "fail" not in one["flags"].split(","):
            for pair in one["slots"]:
                if int(pair[0]) <= slot <= int(pair[-1]):
                    yield at


def _is_primary(node: Node) -> bool:
    with node.client() as client:
        return bool(client.info("replication")["role"] == "master")


def _knows(node: Node, other: Node) -> bool:
    nodes = node.say("CLUSTER NODES")
    return any(one["node_id"] == other.name for one in nodes.values())


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
