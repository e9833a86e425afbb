"""Names that nobody else has: of posts, and of writes that may be repeated."""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

from stoppress.domain.errors import Malformed
from stoppress.domain.post import new_post_id
from stoppress.domain.store_records import Idempotency

MAX_IDEMPOTENCY_KEY_BYTES = 200
"""The longest Idempotency-Key."""


class Requester(NamedTuple):
    """Who asks for a write (a token's id), and the Idempotency-Key if there is one."""

    owner: str
    idempotency_key: str | None = None


class PostIds:
    """Makes ids that sort by when they were made, also within a millisecond.

    In each millisecond the counter starts at random in the lower half of its
    range: two processes hardly ever meet, and if they do, the store refuses the
    second and the desk takes another.
    """

    def __init__(self) -> None:
        self._ms = 0
        self._counter = 0

    def next(self, now_ms: int) -> str:
        """An id greater than all before it."""
        if now_ms > self._ms:
            self._ms = now_ms
            self._counter = random.getrandbits(19)
        else:
            # Same millisecond, or the clock was set back: order comes first.
            self._counter += 1
            if self._counter > 0xFFFFF:
                self._ms += 1
                self._counter = 0
        return new_post_id(self._ms, self._counter)


def check_idempotency_key(key: str) -> str:
    """The Idempotency-Key itself. Raises Malformed if it can't be one."""
    if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY_BYTES or not (
        key.isascii() and key.isprintable()
    ):
        raise Malformed(
            f"Idempotency-Key must be 1 to {MAX_IDEMPOTENCY_KEY_BYTES} "
            "printable ASCII characters"
        )
    return key


def idempotency_of(
    asked: Requester, method: str, path: str, content: bytes
) -> Idempotency | None:
    """The Idempotency-Key with the digest of the request, if there is one."""
    if asked.idempotency_key is None:
        return None
    request = b"%b %b\n%b" % (method.encode(), path.encode(), content)
    digest = hashlib.blake2b(request, digest_size=16).hexdigest()
    return Idempotency(asked.owner, asked.idempotency_key, digest)
