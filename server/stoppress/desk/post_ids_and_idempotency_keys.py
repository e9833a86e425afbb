"""Unique ids: of posts, and of writes that may be repeated (Idempotency-Key)."""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

from stoppress.domain.errors import Malformed
from stoppress.domain.post import new_post_id
from stoppress.domain.store_requests_and_results import Idempotency

MAX_IDEMPOTENCY_KEY_BYTES = 200
"""Limit of an Idempotency-Key."""


class Requester(NamedTuple):
    """The caller of a write (`owner`, a token's id) and its Idempotency-Key, if any."""

    owner: str
    idempotency_key: str | None = None


class PostIds:
    """Generates post ids that sort by creation time, also within a millisecond.

    In each millisecond the counter starts at random in the lower half of its range: two
    processes rarely collide, and if they do, the store refuses the second id and the
    desk generates another.
    """

    def __init__(self) -> None:
        self._ms = 0
        self._counter = 0

    def next(self, now_ms: int) -> str:
        """An id greater than all previous ones."""
        if now_ms > self._ms:
            self._ms = now_ms
            self._counter = random.getrandbits(19)
        else:
            # Same millisecond, or the clock was set back: ids must keep rising.
            self._counter += 1
            if self._counter > 0xFFFFF:
                self._ms += 1
                self._counter = 0
        return new_post_id(self._ms, self._counter)


def check_idempotency_key(key: str) -> str:
    """Return the Idempotency-Key. Raises Malformed if it is invalid."""
    if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY_BYTES or not (
        key.isascii() and key.isprintable()
    ):
        raise Malformed(
            f"the Idempotency-Key is invalid: use 1 to {MAX_IDEMPOTENCY_KEY_BYTES} "
            "printable ASCII characters"
        )
    return key


def idempotency_of(
    requester: Requester, method: str, path: str, content: bytes
) -> Idempotency | None:
    """The Idempotency-Key with the digest of the request; None without a key."""
    if requester.idempotency_key is None:
        return None
    request = b"%b %b\n%b" % (method.encode(), path.encode(), content)
    digest = hashlib.blake2b(request, digest_size=16).hexdigest()
    return Idempotency(requester.owner, requester.idempotency_key, digest)
