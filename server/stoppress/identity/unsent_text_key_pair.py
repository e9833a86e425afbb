"""Derives the key pair with which browsers seal a person's unsent texts.

Rules:
- A pair is P-256, derived from a secret in the store and the person's id: every process
  gives the same one, and it lasts longer than any session.
- The browser keeps the public key, which can only seal. The private key is given to a
  session of that person alone, and is stored nowhere.
- The secret is created where it is missing. If the store loses it, what was sealed
  can't be opened any more.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256: a private key is a number below it."""
TEXT_SECRET_BYTES = 32


class TextSecretStore(Protocol):
    """Stores the secret from which the keys are derived."""

    async def text_secret(self, new: bytes) -> bytes:
        """The secret; `new`, which is stored then, if there is none."""


class DeskTextKeys:
    """The key pairs of people."""

    def __init__(self, store: TextSecretStore) -> None:
        self._store = store

    async def pair_of(self, person: str) -> dict[str, str]:
        """The pair of the person with this id, as a private JWK. Raises Unavailable."""
        secret = await self._store.text_secret(secrets.token_bytes(TEXT_SECRET_BYTES))
        derived = hmac.digest(secret, f"texts of {person}".encode(), "sha512")
        # Of 512 bits, so that the remainder is as good as drawn.
        number = int.from_bytes(derived) % (ORDER - 1) + 1
        key = ec.derive_private_key(number, ec.SECP256R1())
        point = key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _base64(point.x),
            "y": _base64(point.y),
            "d": _base64(number),
        }


def _base64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=")
