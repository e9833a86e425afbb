"""Certificates for tests of TLS, of an authority that lives as long as the tests."""

from __future__ import annotations

import functools
import ssl
import tempfile
from pathlib import Path
from typing import NamedTuple

import trustme


class CertificateFiles(NamedTuple):
    """A certificate with its chain, and its key, as files in PEM."""

    cert: Path
    key: Path


@functools.cache
def authority() -> trustme.CA:
    """The authority of all certificates here."""
    return trustme.CA()


def issue(folder: Path, *names: str, name: str = "server") -> CertificateFiles:
    """A new certificate for these names, else for this machine."""
    made = authority().issue_cert(*(names or ("localhost", "127.0.0.1", "::1")))
    files = CertificateFiles(folder / f"{name}.pem", folder / f"{name}.key")
    files.cert.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    files.key.write_bytes(made.private_key_pem.bytes())
    return files


@functools.cache
def trust() -> ssl.SSLContext:
    """What a client needs to know the authority by."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority().configure_trust(context)
    return context


def trust_here(context: ssl.SSLContext) -> None:
    """Have a context of many clients know the authority too."""
    authority().configure_trust(context)


@functools.cache
def for_this_machine() -> CertificateFiles:
    """One certificate for all tests of a process."""
    folder = tempfile.TemporaryDirectory(prefix="stop-press-certificate-")
    files = issue(Path(folder.name))
    _kept.append(folder)
    return files


_kept: list[tempfile.TemporaryDirectory[str]] = []
"""Folders that go with the process."""
