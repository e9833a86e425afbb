"""The desk: the editors' commands for feeds, posts and imports, over one store.

The caller checks authorization before.
"""

from __future__ import annotations

from collections.abc import Callable

from stoppress.desk.feed_import import ImportDesk
from stoppress.desk.feeds import FeedDesk
from stoppress.desk.posts import PostDesk
from stoppress.desk.store_protocol import Store
from stoppress.desk.write_outcome import now_ms


class Desk:
    """The commands that write to one store."""

    def __init__(self, store: Store, clock: Callable[[], int] = now_ms) -> None:
        self.feeds = FeedDesk(store, clock)
        self.posts = PostDesk(store, clock)
        self.imports = ImportDesk(store, self.feeds, self.posts, clock)
