"""What the kernel says of a process that we know: this one."""

from __future__ import annotations

import os
import resource
import socket

import pytest

from stoppress.bench import process_stats
from stoppress.bench.run import need_room
from stoppress.bench.run_plan_and_result import BenchFailed
from tests.ports import reserve_port

HERE = [os.getpid()]


def test_a_listening_process_is_found() -> None:
    """By the port alone."""
    port = reserve_port()
    with socket.create_server(("127.0.0.1", port)):
        assert process_stats.serving(port) == HERE
    assert process_stats.serving(port) == []


def test_room_is_what_is_left_of_the_limit() -> None:
    """Of all processes together; a run that needs more is told so."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = process_stats.room(HERE)
    assert room is not None and limit - 200 < room < limit
    assert process_stats.room([]) is None
    need_room(HERE, 1)
    need_room([], limit)
    with pytest.raises(BenchFailed, match="where it is started"):
        need_room(HERE, limit)


def test_cpu_and_memory_are_those_of_the_process() -> None:
    """More than nothing, and no less later; the peak is no less than now."""
    cpu, wanted = process_stats.cpu_s(HERE), process_stats.wanted_s()
    assert 1 << 20 < process_stats.rss(HERE) <= process_stats.rss_peak(HERE) + (1 << 20)
    assert process_stats.cpu_s(HERE) >= cpu > 0
    assert process_stats.wanted_s() >= wanted > 0


def test_an_ended_process_uses_no_cpu_or_memory() -> None:
    """A process may end while it is looked at."""
    gone = [1 << 30]
    assert (
        process_stats.cpu_s(gone)
        == process_stats.rss(gone)
        == process_stats.rss_peak(gone)
        == 0
    )
    assert process_stats.room(gone) is None
