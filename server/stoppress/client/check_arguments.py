"""What a caller gives, checked before it becomes a part of a request.

Rules: a name in an address is one segment of its path, never another address: clients
and proxies resolve `.` and `..`, so that `…/posts/..` would be the feed itself. No
error contains a secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx

from stoppress.client.api_errors import InvalidArgument, InvalidEnvironment

MAX_KEY = 200
"""Characters of an Idempotency-Key, as the server has it."""


def server_address(url: str) -> str:
    """The address of a server, without a slash at its end. Raises InvalidArgument."""
    address = url.rstrip("/")
    try:
        parsed = httpx.URL(address)
        if parsed.scheme in ("http", "https") and parsed.host:
            return address
    except (httpx.InvalidURL, UnicodeError):
        pass
    raise InvalidArgument(
        f"url={url!r} is invalid (the server's address): use one such as "
        "http://127.0.0.1:8000"
    )


@contextmanager
def usable_environment() -> Iterator[None]:
    """A block that makes an httpx client, which reads the environment.

    Raises InvalidEnvironment.
    """
    try:
        yield
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as wrong:
        raise InvalidEnvironment(
            "the environment's proxy (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) or "
            f"certificates (SSL_CERT_FILE, SSL_CERT_DIR) can't be used: {wrong}"
        ) from None


def clean_secret(text: str | None, name: str) -> str:
    """A token or a ticket without the white space around it, "" for none.

    A file of one ends with a line break. Raises InvalidArgument, without the secret.
    """
    secret = (text or "").strip()
    if not _is_printable(secret):
        raise InvalidArgument(f"{name} is invalid: use printable ASCII characters only")
    return secret


def checked_key(key: str) -> str:
    """The Idempotency-Key. Raises InvalidArgument if none can be so."""
    if not 0 < len(key) <= MAX_KEY or not _is_printable(key) or key != key.strip():
        raise InvalidArgument(
            f"idempotency_key={key!r} is invalid: use 1 to {MAX_KEY} printable ASCII "
            "characters, without blanks around them"
        )
    return key


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()


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
