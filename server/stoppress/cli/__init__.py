"""The command line: `stoppress`.

Rules: an error is one line, `error: …`, on stderr, and an exit code: 2 if the
request is invalid or can't be served, 1 if it failed. Never a traceback. Output that
a program may read goes to stdout, everything else to stderr.
"""

from __future__ import annotations

from stoppress.cli.program import main

__all__ = ["main"]
