"""An entry of the Redis inbox, and its signature. Pure.

Rules:
- A stream's entries are on the disk at once, so an entry names a token by its id and
  proves knowledge of it; the token itself is in no entry.
- The HMAC key is the SHA-256 digest of the token, in hex, which the server stores.
- The time, the feed and the post are signed, joined by newlines. A slug contains no
  newline, so no two entries have the same signed text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from stoppress.domain.errors import Invalid

MAX_SKEW_MS = 5 * 60_000
"""How far an entry's `at` may be from the time at which Redis added the entry."""

TOKEN_ID_LENGTH = 16

_MS = re.compile(r"[0-9]{1,15}", re.ASCII)
_MAC = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


class InboxEntry(NamedTuple):
    """One well-formed entry; the desk checks its signature."""

    id: str
    key: str
    """The id of the token."""
    at: str
    feed: str
    post: bytes
    """JSON, as received."""
    mac: str

    @property
    def taken_ms(self) -> int:
        """When Redis added it."""
        return int(self.id.partition("-")[0])

    def is_signed_with(self, digest: str) -> bool:
        """Whether the token with this digest made the signature; in constant time."""
        made = signature(digest, self.at, self.feed, self.post)
        return hmac.compare_digest(made, self.mac.lower())


def read_inbox_entry(ident: str, fields: Mapping[bytes, bytes]) -> InboxEntry:
    """The entry of these fields. Raises Invalid, and UnicodeDecodeError."""
    if b"token" in fields:
        raise Invalid(
            "token",
            "is refused, as it stores the token on the disk in clear: revoke that "
            "token, and sign entries instead (stoppress sign)",
        )
    for name in ("key", "at", "feed", "post", "mac"):
        if name.encode() not in fields:
            raise Invalid(name, "is missing; key, at, feed, post and mac are needed")
    key, at, feed, mac = (
        fields[name].decode() for name in (b"key", b"at", b"feed", b"mac")
    )
    if not _MS.fullmatch(at):
        raise Invalid("at", "is invalid: use milliseconds since 1970, in digits")
    if not _MAC.fullmatch(mac):
        raise Invalid("mac", "is invalid: use HMAC-SHA-256 in hex, 64 digits")
    entry = InboxEntry(ident, key, at, feed, fields[b"post"], mac)
    skew_ms = abs(entry.taken_ms - int(at))
    if skew_ms > MAX_SKEW_MS:
        raise Invalid(
            "at",
            f"is invalid: it is {skew_ms // 1000} s from the time at which the entry "
            f"was added, more than {MAX_SKEW_MS // 1000} s: sign an entry when you add "
            "it, and set the clock",
        )
    return entry


def token_digest(token: str) -> str:
    """The digest under which a token is stored."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def token_id(digest: str) -> str:
    """The id of the token with this digest."""
    return digest[:TOKEN_ID_LENGTH]


def signature(digest: str, at: str, feed: str, post: bytes) -> str:
    """The `mac` of an entry: HMAC-SHA-256, in hex."""
    signed = b"\n".join((at.encode(), feed.encode(), post))
    return hmac.new(digest.encode(), signed, hashlib.sha256).hexdigest()


def signed_entry(token: str, feed: str, post: str, now_ms: int) -> dict[str, str]:
    """The fields of an entry for `XADD stoppress:inbox *`, signed with `token`."""
    digest, at = token_digest(token), str(now_ms)
    mac = signature(digest, at, feed, post.encode())
    return {"key": token_id(digest), "at": at, "feed": feed, "post": post, "mac": mac}
