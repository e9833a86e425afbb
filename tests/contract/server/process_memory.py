"""What a process holds in its memory, free or in use: read from outside."""

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
