"""The Python client: follows a feed, and writes to it.

`follow` yields a feed's events, each once and in order, across disconnects.
`FeedWriter` and `AsyncFeedWriter` publish, edit and withdraw posts.
"""

from __future__ import annotations

from stoppress.client.api_errors import (
    ApiCallFailed,
    InvalidArgument,
    OutcomeUnknown,
    RequestRefused,
)
from stoppress.client.feed_writer import AsyncFeedWriter, FeedWriter, WriteResult
from stoppress.client.reader import (
    LineRefused,
    Message,
    TicketSource,
    Transport,
    follow,
)

__all__ = [
    "ApiCallFailed",
    "AsyncFeedWriter",
    "FeedWriter",
    "InvalidArgument",
    "LineRefused",
    "Message",
    "OutcomeUnknown",
    "RequestRefused",
    "TicketSource",
    "Transport",
    "WriteResult",
    "follow",
]
