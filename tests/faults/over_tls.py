"""The kinds of fault of the server once more, with TLS between it and its readers."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.kinds import SERVER_KINDS

SUFFIX = "-tls"
SHARE = ("slow-readers-tls", "drained-tls", "proxy-cuts-tls")
"""What `make test` runs of them; `make faults` runs all."""

TLS_KINDS = tuple(
    replace(kind, name=kind.name + SUFFIX, what=f"over TLS: {kind.what}", tls=True)
    for kind in SERVER_KINDS
)
