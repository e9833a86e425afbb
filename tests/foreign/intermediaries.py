"""What lies between a client and the hubs: nothing, something that splits, a proxy.

The seam for proxies: `tests/foreign/proxies.py`, if it is there, names them in
`PROXIES` and brings `proxied(name, hubs)`, an asynchronous context manager that gives
the address of a proxy of that name before those hubs. Each becomes one more column of
the matrix.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.foreign.relay import BackgroundLoop, relayed

OURS = ("direct", "splitting")
ALL = os.environ.get("FOREIGN") == "all"
"""Whether everything is to be tried, or the share of `make test`."""
_MODULE = "tests.foreign.proxies"


def intermediaries() -> tuple[str, ...]:
    """All there are here."""
    if importlib.util.find_spec(_MODULE) is None:
        return OURS
    return (*OURS, *importlib.import_module(_MODULE).PROXIES)


@contextmanager
def through(name: str, loop: BackgroundLoop, hubs: Sequence[str]) -> Iterator[str]:
    """The address of the hubs through it."""
    if name == "direct":
        yield hubs[0]
    elif name == "splitting":
        with relayed(loop, hubs[0], splits=True) as relay:
            yield relay.url
    else:
        proxied = importlib.import_module(_MODULE).proxied(name, hubs)
        base: str = loop.run(proxied.__aenter__())
        try:
            yield base
        finally:
            loop.run(proxied.__aexit__(None, None, None))
