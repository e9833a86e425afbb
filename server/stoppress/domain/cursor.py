"""A position in a feed's event log, written `<epoch>-<seq>`.

Rules: two cursors of one epoch compare by seq; cursors of different epochs
are not comparable. The text is split at its last `-`. A seq stays below 2**53, so that
a JavaScript number represents it exactly.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stoppress.domain.errors import MalformedCursor

MAX_SEQ = 2**53 - 1

_PATTERN = re.compile(r"([a-z0-9]{1,32})-(0|[1-9][0-9]{0,15})", re.ASCII)


class Cursor(NamedTuple):
    """The position just after event `seq` in the log with the id `epoch`."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Parse a cursor. Raises MalformedCursor for anything else."""
        match = _PATTERN.fullmatch(text)
        if match is None or int(match[2]) > MAX_SEQ:
            raise MalformedCursor(text)
        return cls(match[1], int(match[2]))
