"""What a caller gives, checked before it becomes a part of a request.

Rules: a name in an address is one segment of its path, never another address: clients
and proxies resolve `.` and `..`, so that `…/posts/..` would be the feed itself.
"""

from __future__ import annotations

from urllib.parse import quote

from stoppress.client.api_errors import InvalidArgument


def path_segment(text: str, name: str) -> str:
    """`text`, the argument `name`, as a segment of a path. Raises InvalidArgument."""
    if text in ("", ".", ".."):
        raise InvalidArgument(
            f"{name}={text!r} is invalid: an address can't contain it; use its id "
            "or name, which is not empty, `.` or `..`"
        )
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name}={text!r} is invalid: it is not UTF-8") from None
