"""Secrets of tokens: random, or the same again for one credential, key and salt."""

from __future__ import annotations

import re

from stoppress.desk.random_or_derived_token_secrets import (
    derived_secret,
    new_salt,
    new_secret,
)
from stoppress.domain.store_requests_and_results import Idempotency

KEY = Idempotency("me", "k", "f")
FORM = re.compile(r"sp_[\w-]{32}", re.ASCII)


def test_a_random_secret_and_salt_differ_each_time() -> None:
    """And a salt has no line break: records are read by lines."""
    assert len({new_secret() for _ in range(50)}) == 50
    assert len({new_salt() for _ in range(50)}) == 50
    assert FORM.fullmatch(new_secret()) and re.fullmatch("[0-9a-f]{32}", new_salt())


def test_a_derived_secret_depends_on_credential_key_and_salt() -> None:
    """The same three give the same one; it looks like a random one."""
    one = derived_secret("sp_a", "s", KEY)
    assert FORM.fullmatch(one) and one == derived_secret("sp_a", "s", KEY)
    others = {
        derived_secret("sp_b", "s", KEY),
        derived_secret("sp_a", "t", KEY),
        derived_secret("sp_a", "s", KEY._replace(key="l")),
        # Beyond Latin-1, and half a character, as a header or cookie may hold.
        derived_secret("é\udce9", "s", KEY),
    }
    assert len(others | {one}) == 5
