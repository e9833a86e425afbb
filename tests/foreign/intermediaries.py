"""What lies between a client and the hubs: nothing, something that splits, a proxy.

Proxies are `tests/foreign/proxies.py`, if it is there: those it ships and those that
people are found with each become one more column of the matrix. What never answers an
upgrade has tests of its own there.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.foreign.relay import BackgroundLoop, relayed

OURS = ("direct", "splitting")
ALL = os.environ.get("FOREIGN") == "all"
"""Whether everything is to be tried, or the share of `make test`."""
_MODULE = "tests.foreign.proxies"


def share_of(every: Sequence[str], share: Sequence[str]) -> Sequence[str]:
    """What a test tries: every one in `make foreign`, a share in `make test`."""
    return every if ALL else share


def intermediaries() -> tuple[str, ...]:
    """All there are."""
    if importlib.util.find_spec(_MODULE) is None:
        return OURS
    proxies = importlib.import_module(_MODULE)
    return (*OURS, *proxies.SHIPPED, *proxies.FOUND)


def missing(name: str) -> str:
    """Why this can't be tried here; empty: it can."""
    if name in OURS:
        return ""
    reason: str = importlib.import_module(_MODULE).missing(name)
    return reason


@contextmanager
def through(
    name: str, loop: BackgroundLoop, hubs: Sequence[str], folder: Path
) -> Iterator[str]:
    """The address of the hubs through it; what it writes is in `folder`."""
    if name == "direct":
        yield hubs[0]
    elif name == "splitting":
        with relayed(loop, hubs[0], splits=True) as relay:
            yield relay.url
    else:
        proxied = importlib.import_module(_MODULE).proxied(name, hubs, folder)
        base: str = loop.run(proxied.__aenter__())
        try:
            yield base
        finally:
            loop.run(proxied.__aexit__(None, None, None))
