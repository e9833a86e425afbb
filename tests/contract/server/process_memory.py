"""What a process holds in its memory, free or in use, and which connections it has."""

from __future__ import annotations

import re
from pathlib import Path

_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw")
_PIECE = 16 << 20


def times_held(pid: int, needle: bytes) -> int:
    """How often these bytes stand in the writable memory of a process."""
    found = 0
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            match = _REGION.match(line)
            if match is None:
                continue
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
                found += (before + piece).count(needle)
                before = piece[-len(needle) + 1 :]
                at += len(piece)
    return found


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
