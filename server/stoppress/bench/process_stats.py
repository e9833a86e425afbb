"""CPU time and memory of a server on this machine, from the kernel.

Reads /proc (Linux); elsewhere, and for a server on another machine, the answer
is an empty list of processes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_CPU_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LISTEN = "0A"
_PROC = Path("/proc")


def listeners(port: int) -> list[int]:
    """The processes that accept connections on `port` here."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            cells = row.split()
            if cells[3] == _LISTEN and int(cells[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{cells[9]}]")
    return [pid for pid in _pids() if inodes and inodes & _sockets(pid)]


def serving(*ports: int) -> list[int]:
    """The listeners on `ports` without a listener among their children: the servers."""
    found = [pid for port in ports for pid in listeners(port)]
    parents = {_stat(pid)[1] for pid in found if _stat(pid)}
    return [pid for pid in found if str(pid) not in parents]


def stores(port: int) -> list[int]:
    """The Valkey or Redis processes that the server on `port` started itself."""
    family = set(listeners(port))
    family |= {int(_stat(pid)[1]) for pid in family if _stat(pid)}
    found = []
    for pid in _pids():
        stat = _stat(pid)
        if stat and int(stat[1]) in family and "-server" in _name(pid):
            found.append(pid)
    return found


def cpu_s(pids: list[int]) -> float:
    """CPU seconds that the processes have used so far, user and system."""
    stats = [_stat(pid) for pid in pids]
    return sum((int(stat[11]) + int(stat[12])) * _CPU_TICK_S for stat in stats if stat)


def rss(pids: list[int]) -> int:
    """Bytes of memory that the processes hold now."""
    total = 0
    for pid in pids:
        try:
            total += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
        except OSError:
            continue
    return total


def rss_peak(pids: list[int]) -> int:
    """The most bytes of memory that the processes ever held, each by itself."""
    return sum(_status(pid, "VmHWM") * 1024 for pid in pids)


def room(pids: list[int]) -> int | None:
    """How many more files the processes may open, together; None if unknown."""
    found = []
    for pid in pids:
        try:
            limits = (_PROC / str(pid) / "limits").read_text()
            soft = limits.partition("Max open files")[2].split()[0]
            is_open = len(os.listdir(_PROC / str(pid) / "fd"))
        except (OSError, IndexError):
            continue
        if soft.isdigit():
            found.append(int(soft) - is_open)
    return sum(found) if found else None


def wanted_s() -> float:
    """Seconds in which this process had a core or waited for one."""
    try:
        ran, waited, _ = (_PROC / "self" / "schedstat").read_text().split()
    except (OSError, ValueError):
        return time.process_time()
    return (int(ran) + int(waited)) / 1e9


def _status(pid: int, name: str) -> int:
    try:
        text = (_PROC / str(pid) / "status").read_text()
        return int(text.partition(f"{name}:")[2].split()[0])
    except (OSError, IndexError):
        return 0


def _pids() -> list[int]:
    try:
        return [int(entry) for entry in os.listdir(_PROC) if entry.isdigit()]
    except OSError:
        return []


def _sockets(pid: int) -> set[str]:
    folder = _PROC / str(pid) / "fd"
    found = set()
    try:
        for entry in os.listdir(folder):
            found.add(os.readlink(folder / entry))
    except OSError:
        return found
    return found


def _name(pid: int) -> str:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from `state` on (the name may hold spaces)."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
