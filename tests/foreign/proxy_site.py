"""A proxy's address, hubs, certificate, and the configuration it is started from."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trustme

DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True)
class Site:
    """What a proxy's configuration is made of."""

    folder: Path
    hubs: Sequence[str]
    """Addresses such as http://127.0.0.1:8001 or unix:/run/hub."""
    listener: socket.socket
    authority: trustme.CA | None
    lines: Sequence[str]
    """More lines for the site or the frontend, in the proxy's own language."""
    changes: Sequence[tuple[str, str]]
    """Texts in the shipped file, and what stands there instead."""

    @property
    def port(self) -> int:
        """Where the proxy listens."""
        port: int = self.listener.getsockname()[1]
        return port

    @property
    def base(self) -> str:
        """The proxy's address."""
        return f"http{'s' if self.authority else ''}://127.0.0.1:{self.port}"

    def certificate(self) -> tuple[Path, Path, Path]:
        """Files with the chain, the key, and both."""
        assert self.authority is not None
        made = self.authority.issue_cert("127.0.0.1", "localhost")
        chain, key, both = (
            self.folder / f"{name}.pem" for name in ("chain", "key", "both")
        )
        for path in (chain, key, both):
            path.unlink(missing_ok=True)
        for blob in made.cert_chain_pems:
            blob.write_to_path(str(chain), append=True)
        made.private_key_pem.write_to_path(str(key))
        made.private_key_and_cert_chain_pem.write_to_path(str(both))
        return chain, key, both

    def shipped(self, name: str) -> str:
        """A file of `deploy/` with the changes that were asked for."""
        text = (DEPLOY / name).read_text()
        for old, new in self.changes:
            text = replaced(text, old, new)
        return text


def replaced(text: str, old: str, new: str) -> str:
    """`text` with all of `old` replaced; it must be there."""
    assert old in text, f"{old!r} is not in the file"
    return text.replace(old, new)
