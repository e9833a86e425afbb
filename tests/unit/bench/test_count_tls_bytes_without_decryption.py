"""Counting plain bytes by the heads of TLS records, against OpenSSL."""

from __future__ import annotations

import random
import ssl

import pytest

from stoppress.bench.count_tls_bytes_without_decryption import TlsRecords
from stoppress.process.certificate import load
from tests.certificates import for_this_machine, trust


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"]
)
@pytest.mark.parametrize("seed", range(5))
def test_the_heads_say_how_much_is_plain(version: ssl.TLSVersion, seed: int) -> None:
    """However records are cut into reads."""
    rng = random.Random(seed)
    context = load(*for_this_machine())
    context.maximum_version = version
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trust().wrap_bio(to_client, to_server, server_hostname="localhost")
    for side in (client, server) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pass
    to_server.read()
    to_client.read()
    sent = 0
    for _ in range(20):
        sent += server.write(rng.randbytes(rng.choice([1, 300, 5_000, 40_000])))
    data = memoryview(to_client.read())
    found = client.version()
    assert found is not None
    records = TlsRecords(found)
    counted = at = 0
    while at < len(data):
        size = rng.choice([1, 2, 7, 1_000, 20_000])
        counted += records.feed(data[at : at + size])
        at += size
    assert counted == sent
