"""The command line: `stoppress`.

Rules: an error is one line, `error: …`, on stderr, and a code that is not 0: 2 if
what was asked can't be read or served, 1 if it failed. Never a traceback. What a
program may want to read goes to stdout, everything else to stderr.
"""

from __future__ import annotations

from stoppress.cli.program import main

__all__ = ["main"]
