"""The keys with which browsers seal texts: the same everywhere, of one person alone."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from stoppress.domain.errors import Unavailable
from stoppress.identity.unsent_text_key_pair import ORDER, DeskTextKeys
from tests.memory_sessions import MemorySessionStore

pytestmark = pytest.mark.asyncio


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "="))


async def test_a_person_has_one_key_pair_in_every_process() -> None:
    """Derived from the store's secret and the person only."""
    store = MemorySessionStore()
    mine = await DeskTextKeys(store).pair_of("id.example anna")
    assert await DeskTextKeys(store).pair_of("id.example anna") == mine
    assert (await DeskTextKeys(store).pair_of("id.example ben"))["d"] != mine["d"]
    other = MemorySessionStore()
    assert (await DeskTextKeys(other).pair_of("id.example anna"))["d"] != mine["d"]


async def test_the_halves_of_a_key_pair_match() -> None:
    """The public half is that of the private one."""
    pair = await DeskTextKeys(MemorySessionStore()).pair_of("anna")
    assert (pair["kty"], pair["crv"]) == ("EC", "P-256")
    assert 0 < number(pair["d"]) < ORDER
    public = ec.EllipticCurvePublicNumbers(
        number(pair["x"]), number(pair["y"]), ec.SECP256R1()
    )
    assert ec.EllipticCurvePrivateNumbers(number(pair["d"]), public).private_key()


async def test_without_the_store_there_is_no_key() -> None:
    """No process creates a key of its own."""
    store = MemorySessionStore()
    store.away = True
    with pytest.raises(Unavailable):
        await DeskTextKeys(store).pair_of("anna")
