"""The store in memory, for tests that do not need Redis.

`MemoryStore` implements the desk's `Store` and `TokenStore`; `MemoryUpstream` is the
hub's `Upstream` over it. Both answer as the log's store and follower do: the contract
suite (`tests/contract/store`) runs over this store, Valkey and Redis alike.

Rules: stored posts and feeds are never decoded. While `away` is true, every call raises
Unavailable, as if Redis were gone.
"""

from __future__ import annotations

from tests.memory_store_desk_texts import MemoryDeskTexts
from tests.memory_store_drafts import MemoryDrafts
from tests.memory_store_tokens import MemoryTokens
from tests.memory_store_webhooks import MemoryWebhooks


class MemoryStore(MemoryDrafts, MemoryWebhooks, MemoryTokens, MemoryDeskTexts):
    """Implements desk.store_protocol's Store and TokenStore."""
