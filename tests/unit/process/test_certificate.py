"""The certificate of the TLS port: what is wrong with one, and loading it again."""

from __future__ import annotations

import datetime
import os
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from stoppress.process import certificate
from stoppress.process.certificate import (
    Certificate,
    CertificateFiles,
    UnusableCertificate,
    load,
    warning,
)
from tests.certificates import authority, for_this_machine, issue


def reason(cert: Path, key: Path) -> str:
    """Why a pair is refused: one line."""
    with pytest.raises(UnusableCertificate) as refused:
        load(cert, key)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_connections_use_tls_1_2_or_later_and_http_1_1() -> None:
    """TLS 1.2 or later, without renegotiation, HTTP/1.1 alone."""
    context = load(*for_this_machine())
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    names = {one["name"] for one in context.get_ciphers()}
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in names)


def test_each_unusable_pair_says_what_is_wrong(tmp_path: Path) -> None:
    """With the file, in one line."""
    good = issue(tmp_path)
    other = issue(tmp_path, name="other")
    missing = tmp_path / "missing.pem"
    assert "tls_cert=" in reason(missing, good.key) and "No such file" in reason(
        missing, good.key
    )
    assert "tls_key=" in reason(good.cert, missing)
    assert "Is a directory" in reason(tmp_path, good.key)
    assert "no certificate in PEM" in reason(good.key, good.key)
    assert "no private key in PEM" in reason(good.cert, good.cert)
    assert "does not match" in reason(good.cert, other.key)
    torn = tmp_path / "torn.pem"
    torn.write_bytes(good.cert.read_bytes()[:300])
    assert "is invalid" in reason(torn, good.key)
    torn.write_bytes(good.key.read_bytes()[:100])
    assert "is invalid" in reason(good.cert, torn)


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    """Nobody is asked for it, least of all at a terminal."""
    good = issue(tmp_path)
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", str(good.key), "-aes128"]
        + ["-passout", "pass:abc", "-out", str(locked)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert "passphrase" in reason(good.cert, locked)


def test_a_certificate_outside_its_dates_gets_a_warning(tmp_path: Path) -> None:
    """A certificate that is over, not yet valid, or soon over; else nothing."""
    assert warning(*issue(tmp_path, "a.example")) == ""
    made = authority().issue_cert(
        "a.example",
        not_before=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        not_after=datetime.datetime(2020, 2, 1, tzinfo=datetime.UTC),
    )
    cert, key = tmp_path / "old.pem", tmp_path / "old.key"
    cert.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    assert "expired" in warning(cert, key)
    assert load(cert, key)  # served all the same
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3, hours=1)
    made = authority().issue_cert("a.example", not_after=soon)
    cert.write_bytes(b"".join(one.bytes() for one in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    assert "expires in 3 days" in warning(cert, key)
    assert warning(cert, key, time.time() - 10 * certificate.WARN_BEFORE_S) == ""


def test_a_wrong_pair_keeps_the_one_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And says so; a right one replaces it."""
    files = issue(tmp_path)
    mine = Certificate(*files)
    first = mine.context
    files.cert.write_bytes(issue(tmp_path, name="other").cert.read_bytes())
    assert not mine.reload()
    assert mine.context is first and "stays in use" in caplog.text
    files.key.write_bytes((tmp_path / "other.key").read_bytes())
    assert mine.reload()
    assert mine.context is not first


def test_files_that_still_change_are_not_read(tmp_path: Path) -> None:
    """A pair is taken once it was the same at two looks."""
    cert, key = issue(tmp_path)
    files = CertificateFiles(cert, key)
    assert not files.have_changed()
    os.utime(cert, (1, 1))
    assert not files.have_changed()
    os.utime(key, (2, 2))
    assert not files.have_changed()
    assert files.have_changed()
    assert not files.have_changed()
    key.unlink()
    assert not files.have_changed()
    assert files.have_changed()
