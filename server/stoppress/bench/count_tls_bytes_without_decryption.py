"""Counts the plain bytes of a TLS connection, from the heads of its records only.

A loader that decrypted all readers' bytes would be slower than the server. A record has
its length in plain text, so the number of bytes in it is known without a key: in TLS
1.3 those of the record without 16 bytes of tag and 1 of type, in TLS 1.2 (AES-GCM)
without 16 of tag and 8 of nonce. Records without application data (tickets) come before
a run.
"""

from __future__ import annotations

HEAD_BYTES = 5
AROUND_BYTES = {"TLSv1.3": 17, "TLSv1.2": 24}
"""Bytes of a record besides its head and its plain bytes, by version."""


class TlsRecords:
    """The records of one connection, in pieces of any size."""

    __slots__ = ("_around", "_head", "_left", "_size")

    def __init__(self, version: str) -> None:
        self._around = AROUND_BYTES[version]
        self._head = b""
        self._left = 0
        self._size = 0

    def feed(self, data: memoryview) -> int:
        """The plain bytes of the records that end in these bytes."""
        at, end, plain = 0, len(data), 0
        while at < end:
            if not self._left:
                head = self._head + bytes(data[at : at + HEAD_BYTES - len(self._head)])
                at += len(head) - len(self._head)
                if len(head) < HEAD_BYTES:
                    self._head = head
                    break
                self._head = b""
                self._left = head[3] << 8 | head[4]
                self._size = max(0, self._left - self._around)
            step = min(self._left, end - at)
            self._left -= step
            at += step
            if not self._left:
                plain += self._size
        return plain
