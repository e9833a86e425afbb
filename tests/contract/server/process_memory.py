"""What a process holds in its memory, free or in use, and which connections it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")
_PIECE = 16 << 20
_AROUND = 96
"""Bytes shown on each side of what is found."""


def places_of(pid: int, needle: bytes) -> list[str]:
    """Where these bytes stand in the writable memory of a process, and beside what."""
    return [
        f"{start + one.start():x} {name} {around!r}"
        for start, name, piece in _pieces(pid, len(needle))
        for one in re.finditer(re.escape(needle), piece)
        for around in [piece[max(0, one.start() - _AROUND) : one.end() + _AROUND]]
    ]


def times_held(pid: int, needle: bytes) -> int:
    """The same, counted without a copy of what is found: it may be this process."""
    return sum(piece.count(needle) for _, _, piece in _pieces(pid, len(needle)))


def _pieces(pid: int, overlap: int) -> Iterator[tuple[int, str, bytes]]:
    """Writable memory: address, name of the region, bytes; no needle is there twice."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            match = _REGION.match(line)
            if match is None:
                continue
            name = line.split(maxsplit=5)[5:]
            at, end = int(match[1], 16), int(match[2], 16)
            before = b""
            while at < end:
                try:
                    memory.seek(at)
                    piece = memory.read(min(_PIECE, end - at))
                except OSError:
                    break  # returned to the system meanwhile
                if not piece:
                    break
                yield at - len(before), " ".join(name), before + piece
                before = piece[-overlap + 1 :]
                at += len(piece)


def has_connection_from(pid: int, port: int) -> bool:
    """Whether a process has accepted the TCP connection from this local port."""
    ours = {
        f"socket:[{fields[9]}]"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[2].endswith(f":{port:04X}")
    }
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(descriptor.readlink()) in ours:
                return True
        except FileNotFoundError:
            pass  # closed meanwhile
    return False
