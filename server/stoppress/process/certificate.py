"""The certificate of the TLS port: checked, loaded, and loaded again when it changes.

Rules:
- An invalid pair is reported in one line that names the file and the problem. At the
  start the server then exits; later it keeps the pair in use.
- The parent checks the pair and watches the files; workers load it when told to.
- TLS 1.2 and 1.3, HTTP/1.1 by ALPN, no renegotiation. TLS 1.2 only with forward
  secrecy. Kernel TLS if Python and the kernel support it.
"""

from __future__ import annotations

import logging
import ssl
import time
from pathlib import Path

ALPN = ["http/1.1"]
TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
WARN_BEFORE_S = 7 * 86_400
"""The server warns of a certificate that expires within this time."""
TICKETS = 1
"""Session tickets per handshake: a reader returns with one connection."""

_HANDSHAKE_STEPS = 4

log = logging.getLogger(__name__)


class UnusableCertificate(Exception):
    """The certificate or its key can't be used; the text names the file and why."""


def load(cert: Path, key: Path) -> ssl.SSLContext:
    """The context of a certificate (with its chain) and its key, both in PEM.

    Raises UnusableCertificate.
    """
    _need(cert, "tls_cert", b"-----BEGIN CERTIFICATE-----", "certificate")
    _need(key, "tls_key", b"PRIVATE KEY-----", "private key")

    def passphrase() -> str:
        raise UnusableCertificate(
            f"tls_key={str(key)!r} has a passphrase, which the server can't ask for: "
            f"remove it, such as with `openssl pkey -in {key}`"
        )

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"tls_key={str(key)!r} does not match tls_cert={str(cert)!r}"
        else:
            problem = (
                f"tls_cert={str(cert)!r} with tls_key={str(key)!r} is invalid "
                f"({(error.reason or 'not PEM').replace('_', ' ').lower()})"
            )
        raise UnusableCertificate(
            f"{problem}: use a certificate in PEM, with its chain, and its own key"
        ) from None
    except OSError as error:  # replaced since it was checked
        raise UnusableCertificate(f"the certificate is unreadable: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(TLS_1_2_CIPHERS)
    context.set_alpn_protocols(ALPN)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.options |= getattr(ssl, "OP_ENABLE_KTLS", 0)  # Python 3.12
    context.num_tickets = TICKETS
    return context


def _need(path: Path, setting: str, mark: bytes, what: str) -> None:
    """Raises UnusableCertificate unless the file is readable and has `mark`."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UnusableCertificate(
            f"{setting}={str(path)!r} is unreadable: {error.strerror}"
        ) from None
    if mark not in text:
        raise UnusableCertificate(
            f"{setting}={str(path)!r} is invalid (no {what} in PEM): "
            f"use a file with -----BEGIN {what.upper()}-----"
        )


def warning(cert: Path, key: Path, now: float | None = None) -> str:
    """The problem that clients would report, found by a handshake in memory; "": none.

    Raises UnusableCertificate.
    """
    context = load(cert, key)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname = False
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trust.load_verify_locations(cert)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server)
    try:
        for _ in range(_HANDSHAKE_STEPS):
            for side in (client, server):
                try:
                    side.do_handshake()
                except ssl.SSLWantReadError:
                    pass
    except ssl.SSLCertVerificationError as error:
        return f"tls_cert={str(cert)!r}: {error.verify_message}; clients refuse it"
    except ssl.SSLError as error:
        return f"tls_cert={str(cert)!r}: clients may refuse it ({error.reason})"
    reported = client.getpeercert()
    end = ssl.cert_time_to_seconds(str(reported["notAfter"])) if reported else 0
    left_s = end - (time.time() if now is None else now)
    if reported and left_s < WARN_BEFORE_S:
        return (
            f"tls_cert={str(cert)!r} expires in {max(0, int(left_s // 86_400))} days: "
            "renew it; the server loads it when the file changes"
        )
    return ""


class Certificate:
    """The context in use, which `reload` replaces."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Raises UnusableCertificate."""
        self._cert = cert
        self._key = key
        self.context = load(cert, key)

    def reload(self) -> bool:
        """Load the files again; log an invalid pair, and keep the one in use."""
        try:
            self.context = load(self._cert, self._key)
        except UnusableCertificate as error:
            log.warning("%s; the certificate in use stays in use", error)
            return False
        return True


class CertificateFiles:
    """The files of a certificate: whether they have changed and are complete."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._paths = cert, key
        self._taken = self._seen = self._now()

    def have_changed(self) -> bool:
        """Whether they differ from the loaded ones, but not from the last call.

        The two files are not replaced at once: a pair that still changes is not read.
        """
        seen, self._seen = self._seen, self._now()
        if self._seen == self._taken or self._seen != seen:
            return False
        self._taken = self._seen
        return True

    def _now(self) -> tuple[object, ...]:
        return tuple(map(_stamp, self._paths))


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_ino, found.st_mtime_ns, found.st_size
