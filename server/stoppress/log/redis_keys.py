"""The names of everything kept in Redis.

What belongs to one feed stands under the hash tag `{slug}`, so that one script
can touch all of it, in a cluster too. The index of feeds, the tokens, the counts of
readers and the inbox lie outside: no script that touches a feed touches them.

    stoppress:{slug}:meta    hash    epoch, seq, replid, life, born, rev, feed, pinned,
                                     secret (of the marks of messages)
    stoppress:{slug}:log     stream  `<seq>-0`: type, post, rev, at
    stoppress:{slug}:posts   hash    post id: `<rev> <kept JSON>`; withdrawn: `<rev> `
    stoppress:{slug}:order   zset    post id by published_at, in ms
    stoppress:{slug}:ext     hash    external id: post id
    stoppress:{slug}:idem:*  text    what was written under an Idempotency-Key
    stoppress:{slug}:line    sharded channel of the feed's events; `…:line:2` in
                             database 2, as channels know nothing of databases
    stoppress:making:*       text    slug of the feed made under an Idempotency-Key
    stoppress:feeds          zset    `<slug> <born>` by when it was made, in ms
    stoppress:node           hash    life, replid, sure, place of the server; in a
                                     cluster there is none
    stoppress:tokens         hash    digest: record
    stoppress:readers        hash    process: lease, and `<slug> <readers> …`
    stoppress:inbox          stream  token, feed, post
    stoppress:inbox:refused  stream  id, feed, post, reason
    stoppress:probe:*        sharded channels of the followers' probes, likewise
"""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from stoppress.domain.store_records import Idempotency

FEEDS = "stoppress:feeds"
NODE = "stoppress:node"
TOKENS = "stoppress:tokens"
READERS = "stoppress:readers"
INBOX = "stoppress:inbox"
REFUSED = "stoppress:inbox:refused"
PROBE = "stoppress:probe:"


class FeedKeys(NamedTuple):
    """The names under one feed's tag."""

    meta: str
    log: str
    line: str
    posts: str
    order: str
    ext: str


def feed_keys(feed: str, database: int = 0) -> FeedKeys:
    """The names under the tag of `feed`.

    Channels know nothing of databases: the line's name says which it is of, so that a
    copy in another database is not heard. In database 0 it says nothing.
    """
    tag = f"stoppress:{{{feed}}}:"
    keys = FeedKeys(*(tag + name for name in FeedKeys._fields))
    return keys._replace(line=f"{keys.line}:{database}") if database else keys


def probe_prefix(database: int = 0) -> str:
    """How the names of the probes' channels begin."""
    return f"{PROBE}{database}:" if database else PROBE


def idem_key(feed: str, idempotency: Idempotency | None) -> str:
    """Where the write under this Idempotency-Key is remembered; unused without one.

    The name is a digest: an Idempotency-Key may hold anything, up to 200 bytes of it.
    """
    if idempotency is None:
        return f"stoppress:{{{feed}}}:idem:"
    return f"stoppress:{{{feed}}}:idem:{_digest(idempotency)}"


def making_key(idempotency: Idempotency) -> str:
    """Where the slug of the feed made under this Idempotency-Key is remembered."""
    return f"stoppress:making:{_digest(idempotency)}"


def _digest(idempotency: Idempotency) -> str:
    owner = idempotency.owner
    named = f"{len(owner)} {owner}{idempotency.key}".encode()
    return blake2b(named, digest_size=16).hexdigest()
