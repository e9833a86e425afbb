"""All kinds of credentials are checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from stoppress.desk.caller import Caller, CallerKind
from stoppress.desk.choose_credential_source import MAX_CREDENTIAL, Callers


@dataclass
class Source:
    """Knows the secrets that begin with its prefix."""

    kind: CallerKind
    prefix: str
    asked: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)

    def recognises(self, secret: str) -> bool:
        return secret.startswith(self.prefix)

    def at_hand(self, secret: str) -> Caller:
        return self._caller(secret)

    async def check(self, secret: str) -> Caller | None:
        self.asked.append(secret)
        return self._caller(secret)

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        self.asked.append(" ".join(caller.id for caller in callers))
        return [None if one.id in self.revoked else one for one in callers]

    def _caller(self, secret: str) -> Caller:
        return Caller(id=secret, name="", kind=self.kind, scopes=())


@pytest.mark.asyncio
async def test_the_first_source_that_knows_the_form_decides() -> None:
    first, second = Source("token", "a"), Source("jwt", "")
    callers = Callers(first, second)
    found = await callers.check("a1")
    assert found is not None and found.kind == "token" and second.asked == []
    assert callers.at_hand("b").kind == "jwt"
    assert await callers.check("") is None and await callers.check(None) is None


@pytest.mark.asyncio
async def test_a_secret_of_unknown_form_is_unknown_without_a_look_up() -> None:
    source = Source("token", "a")
    callers = Callers(source)
    for secret in ("b", "a" * (MAX_CREDENTIAL + 1)):
        assert await callers.check(secret) is None
        with pytest.raises(LookupError):
            callers.at_hand(secret)
    assert source.asked == []


@pytest.mark.asyncio
async def test_callers_are_read_again_by_one_call_per_source() -> None:
    """In their order; of a kind without a source nobody is left."""
    first, second = Source("token", "a"), Source("jwt", "b")
    known = [first._caller("a1"), second._caller("b1"), first._caller("a2")]
    known.append(Caller(id="c", name="", kind="session", scopes=()))
    first.revoked.add("a1")
    callers = Callers(first, second)
    assert await callers.current(known) == [None, known[1], known[2], None]
    assert first.asked == ["a1 a2"] and second.asked == ["b1"]
    assert await callers.current([]) == []
