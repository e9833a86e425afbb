"""Makes the secrets of API tokens: random, or derived for an Idempotency-Key.

Rules:
- A secret is `sp_` and 192 bits.
- For an Idempotency-Key it is an HMAC-SHA-256 of the key and a random salt, keyed by
  the credential of the request, which the store does not have. The store keeps the salt
  for as long as it remembers the key: a repeat with the same credential derives the
  same secret, and a reader of the store can't.
"""

from __future__ import annotations

import base64
import hmac
import secrets

from stoppress.domain.store_requests_and_results import Idempotency

PREFIX = "sp_"
SECRET_BYTES = 24
"""Length of a secret without its prefix, before it is encoded."""
SALT_BYTES = 16


def new_secret() -> str:
    """A random secret."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def new_salt() -> str:
    """A random salt, as hexadecimal digits."""
    return secrets.token_hex(SALT_BYTES)


def derived_secret(credential: str, salt: str, idempotency: Idempotency) -> str:
    """The secret of the token that this credential makes with this key."""
    message = f"stop-press token\n{salt}\n{idempotency.key}".encode()
    digest = hmac.digest(credential.encode(errors="replace"), message, "sha256")
    return PREFIX + base64.urlsafe_b64encode(digest[:SECRET_BYTES]).decode()
