"""Core files: none is written, as it would contain tokens and private posts."""

from __future__ import annotations

import resource


def leave_no_core() -> None:
    """Write no core file from now on, here or in a child."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
