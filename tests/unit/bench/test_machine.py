"""What the kernel says of a process that we know: this one."""

from __future__ import annotations

import os
import resource
import socket

import pytest

from stoppress.bench import machine
from stoppress.bench.plan import BenchFailed
from stoppress.bench.run import need_room

HERE = [os.getpid()]


def test_who_listens_is_found() -> None:
    """By the port alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert machine.serving(port) == HERE
    assert machine.serving(port) == []


def test_room_is_what_is_left_of_the_limit() -> None:
    """Of all processes together; a run that needs more is told so."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = machine.room(HERE)
    assert room is not None and limit - 200 < room < limit
    assert machine.room([]) is None
    need_room(HERE, 1)
    need_room([], limit)
    with pytest.raises(BenchFailed, match="where it is started"):
        need_room(HERE, limit)


def test_cpu_and_memory_are_those_of_the_process() -> None:
    """More than nothing, and no less later; the peak is no less than now."""
    cpu, wanted = machine.cpu_s(HERE), machine.wanted_s()
    assert 1 << 20 < machine.rss(HERE) <= machine.rss_peak(HERE) + (1 << 20)
    assert machine.cpu_s(HERE) >= cpu > 0
    assert machine.wanted_s() >= wanted > 0


def test_what_is_gone_has_nothing() -> None:
    """A process may end while it is looked at."""
    gone = [1 << 30]
    assert machine.cpu_s(gone) == machine.rss(gone) == machine.rss_peak(gone) == 0
    assert machine.room(gone) is None
