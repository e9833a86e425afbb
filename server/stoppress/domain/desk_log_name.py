"""The name of a feed's desk log, its private log of drafts.

A desk log is a log like the feed's own, under another key with the same hash tag, so
that store, follower, ring and channel treat both alike. Its name contains a `/`, which
no slug contains, so a slug in a request can't name it.
"""

from __future__ import annotations

_END = "/desk"


def desk_log_of(feed: str) -> str:
    """The name of the desk log of a feed."""
    return feed + _END


def is_desk_log(name: str) -> bool:
    """Whether this is the name of a desk log, not of a feed."""
    return name.endswith(_END)


def feed_behind(name: str) -> str:
    """The feed of a desk log; for a feed, the feed itself."""
    return name.removesuffix(_END)
