"""Sessions begin, end at four occasions, and hold no secret."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stoppress.desk.caller import Caller
from stoppress.domain.errors import Unavailable
from stoppress.identity.sessions import (
    MAX_SESSIONS,
    PREFIX,
    Sessions,
    digest,
    session_id,
)
from tests.memory_sessions import MemorySessionStore

pytestmark = pytest.mark.asyncio

HOUR = 3600
DAY = 24 * HOUR
EDITOR = Caller(
    id="t1",
    name="the desk",
    kind="token",
    scopes=("publish",),
    feeds=("quay",),
    credential="digest of t1",
)
ADMIN = Caller(id="admin", name="admin", kind="token", scopes=("admin",))
ANNA = Caller(id="https://id.example anna", name="Anna", kind="jwt", scopes=("manage",))


class Office:
    """Sessions with a clock, an audit, and tokens that may be revoked."""

    def __init__(self, admin_token: str = "the admin's token of settings") -> None:
        self.now = 1_800_000_000.0
        self.store = MemorySessionStore(lambda: self.now)
        self.tokens = {EDITOR.credential: EDITOR}
        self.lookups = 0
        self.audited: list[tuple[str, str, str, int]] = []
        """What was done, to what, by whom, and how many sessions there were then."""
        self.sessions = self.open(admin_token)

    def open(self, admin_token: str) -> Sessions:
        return Sessions(
            self.store,
            self,
            self,
            idle_s=12 * HOUR,
            most_s=7 * DAY,
            admin_token=admin_token,
            clock=lambda: self.now,
        )

    async def add(self, what: str, subject: str = "", *, who: str = "") -> None:
        """What the audit does."""
        self.audited.append((what, subject, who, len(self.store.kept)))

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """What `Tokens` says."""
        self.lookups += 1
        return [self.tokens.get(caller.credential) for caller in callers]


async def test_a_session_is_who_signed_in() -> None:
    """Under the same id, so that Idempotency-Keys stay a person's."""
    office = Office()
    secret = await office.sessions.begin(EDITOR, "Firefox")
    caller = await office.sessions.check(secret)
    assert caller is not None and caller.kind == "session"
    assert (caller.id, caller.name, caller.scopes) == ("t1", "the desk", ("publish",))
    assert caller.may("publish", "quay") and not caller.may("publish", "other")
    assert caller.expires_at == int((office.now + 7 * DAY) * 1000)
    assert await office.sessions.current([caller]) == [caller]


async def test_the_store_has_no_secret() -> None:
    """192 bits or more, and only their digest is kept."""
    office = Office()
    secret = await office.sessions.begin(EDITOR, "Firefox")
    assert secret.startswith(PREFIX) and len(secret) - len(PREFIX) >= 43
    assert secret != await office.sessions.begin(EDITOR, "Firefox")
    kept = repr(office.store.kept) + repr(office.store.listed)
    assert secret not in kept and secret[len(PREFIX) :] not in kept
    assert digest(secret) in kept


async def test_a_session_ends_when_it_is_not_used() -> None:
    """Each request puts that off."""
    office = Office()
    secret = await office.sessions.begin(ANNA, "")
    for _ in range(3):
        office.now += 12 * HOUR - 1
        assert await office.sessions.check(secret)
    office.now += 12 * HOUR + 61
    assert await office.sessions.check(secret) is None


async def test_a_session_ends_a_week_after_sign_in() -> None:
    """However much it is used."""
    office = Office()
    secret = await office.sessions.begin(ANNA, "")
    for _ in range(7 * 24 - 1):
        office.now += HOUR
        assert await office.sessions.check(secret)
    office.now += HOUR
    assert await office.sessions.check(secret) is None


async def test_a_session_ends_with_what_began_it() -> None:
    """Where that has an end of its own."""
    office = Office()
    ends = int((office.now + HOUR) * 1000)
    short = Caller(id="x", name="x", kind="jwt", scopes=("read",), expires_at=ends)
    secret = await office.sessions.begin(short, "")
    caller = await office.sessions.check(secret)
    assert caller is not None and caller.expires_at == ends
    office.now += HOUR
    assert await office.sessions.check(secret) is None


async def test_signed_out_is_signed_out_in_every_process() -> None:
    """Nothing of it is cached."""
    office = Office()
    here, there = office.sessions, office.open("the admin's token of settings")
    secret = await here.begin(EDITOR, "")
    caller = await there.check(secret)
    assert caller is not None
    with pytest.raises(LookupError):
        there.at_hand(secret)
    assert await here.sign_out(secret)
    assert await there.check(secret) is None
    assert await there.current([caller]) == [None]
    assert not await here.sign_out(secret)
    assert office.store.listed["t1"] == []


async def test_a_use_does_not_bring_back_what_was_ended() -> None:
    """Though it was under way at the same time."""
    office = Office()
    secret = await office.sessions.begin(ANNA, "")
    (name,) = office.store.kept
    record = office.store.kept[name][1]
    await office.sessions.sign_out(secret)
    assert not await office.store.touch_session(name, record, 60)


async def test_sign_in_begins_another_session_and_ends_the_old_one() -> None:
    """A secret that somebody planted before is worth nothing after."""
    office = Office()
    old = await office.sessions.begin(ANNA, "")
    new = await office.sessions.begin(EDITOR, "", old)
    assert new != old
    assert await office.sessions.check(old) is None
    assert await office.sessions.check(new)


async def test_a_revoked_token_ends_its_sessions() -> None:
    """And a token with fewer scopes leaves them fewer."""
    office = Office()
    secret = await office.sessions.begin(EDITOR, "")
    caller = await office.sessions.check(secret)
    assert caller is not None
    less = Caller(
        id="t1", name="x", kind="token", scopes=("read",), credential=EDITOR.credential
    )
    office.tokens[EDITOR.credential] = less
    now = await office.sessions.check(secret)
    assert now is not None and now.scopes == ("read",)
    office.tokens.clear()
    assert await office.sessions.current([caller]) == [None]
    assert await office.sessions.check(secret) is None
    assert office.store.kept == {}


async def test_another_admin_token_ends_sessions_of_the_former() -> None:
    """It is in no store, so the session has a mark of it."""
    office = Office()
    secret = await office.sessions.begin(ADMIN, "")
    admin = await office.sessions.check(secret)
    assert admin is not None and admin.may("admin", None) and admin.id == "admin"
    for token in ("another token of the settings", ""):
        changed = office.open(token)
        assert await changed.current([admin]) == [None]
    assert await changed.check(secret) is None
    assert await office.sessions.check(secret) is None, "it has ended for good"


async def test_one_s_sessions_are_listed_and_ended() -> None:
    """One of them, or everywhere; never another person's."""
    office = Office()
    mine = []
    for browser in ("Firefox", "Chrome", "x" * 1000):
        office.now += 1
        mine.append(await office.sessions.begin(ANNA, browser))
    others = await office.sessions.begin(EDITOR, "Safari")
    listed = await office.sessions.of(ANNA.id)
    assert [one.browser for one in listed] == ["x" * 200, "Chrome", "Firefox"]
    (theirs,) = await office.sessions.of(EDITOR.id)
    assert not await office.sessions.end_one(ANNA.id, theirs.id)
    assert await office.sessions.end_one(ANNA.id, listed[1].id)
    assert [await office.sessions.check(one) is not None for one in mine] == [
        *(True, False, True),
    ]
    assert await office.sessions.end_all(ANNA.id) == 2
    assert await office.sessions.of(ANNA.id) == []
    assert await office.sessions.check(others)


async def test_sessions_that_ended_leave_the_list() -> None:
    """When it is looked at."""
    office = Office()
    await office.sessions.begin(ANNA, "")
    office.now += 13 * HOUR
    assert await office.sessions.of(ANNA.id) == []
    assert office.store.listed[ANNA.id] == []


async def test_a_person_has_so_many_sessions() -> None:
    """One more ends the oldest."""
    office = Office()
    secrets = [await office.sessions.begin(ANNA, "") for _ in range(MAX_SESSIONS + 1)]
    assert await office.sessions.check(secrets[0]) is None
    assert await office.sessions.check(secrets[1])
    assert len(await office.sessions.of(ANNA.id)) == MAX_SESSIONS


async def test_many_lines_are_checked_by_few_calls() -> None:
    """As the registry of open lines asks."""
    office = Office()
    callers = []
    for caller in (EDITOR, ANNA, ADMIN) * 5:
        found = await office.sessions.check(await office.sessions.begin(caller, ""))
        assert found is not None
        callers.append(found)
    office.lookups = 0
    assert await office.sessions.current(callers) == callers
    assert office.lookups == 1
    assert await office.sessions.current([]) == []


async def test_a_damaged_or_unknown_session_has_no_caller() -> None:
    """A store that is away is told, as nothing can be said then."""
    office = Office()
    secret = await office.sessions.begin(ANNA, "")
    office.store.kept[digest(secret)] = (office.now + 60, b"{")
    assert await office.sessions.check(secret) is None
    assert await office.sessions.check(PREFIX + "x" * 43) is None
    assert office.sessions.recognises(secret)
    assert not office.sessions.recognises("sp_x")
    office.store.away = True
    with pytest.raises(Unavailable):
        await office.sessions.check(secret)


async def test_the_audit_is_told_before_the_act() -> None:
    """A process that is killed in between leaves no session without its entry."""
    office = Office()
    first = await office.sessions.begin(EDITOR, "Firefox")
    second = await office.sessions.begin(EDITOR, "Firefox", first)
    assert await office.sessions.sign_out(second)
    assert not await office.sessions.sign_out(second)
    third = await office.sessions.begin(EDITOR, "Firefox")
    assert await office.sessions.end_one("t1", session_id(digest(third)))
    assert not await office.sessions.end_one("t1", "unknown")
    await office.sessions.begin(EDITOR, "Firefox")
    await office.sessions.begin(EDITOR, "Firefox")
    assert await office.sessions.end_all("t1") == 2
    assert await office.sessions.end_all("t1") == 0
    ids = [session_id(digest(one)) for one in (first, second, third)]
    assert office.audited[:6] == [
        ("session.opened", ids[0], "t1", 0),
        ("session.ended", ids[0], "t1", 1),
        ("session.opened", ids[1], "t1", 0),
        ("session.ended", ids[1], "t1", 1),
        ("session.opened", ids[2], "t1", 0),
        ("session.ended", ids[2], "t1", 1),
    ]
    assert office.audited[-1] == ("sessions.ended", "t1", "t1", 2)
    assert len(office.audited) == 9


async def test_without_its_audit_nothing_is_done() -> None:
    """Neither a sign-in nor a sign-out."""
    office = Office()
    secret = await office.sessions.begin(EDITOR, "Firefox")
    audit = office.sessions._audit = NoRoom()
    for act in (
        office.sessions.begin(EDITOR, "Firefox"),
        office.sessions.sign_out(secret),
        office.sessions.end_one("t1", session_id(digest(secret))),
        office.sessions.end_all("t1"),
    ):
        with pytest.raises(Unavailable):
            await act
    assert audit.refused == 4
    assert list(office.store.kept) == [digest(secret)]


async def test_the_oldest_of_too_many_is_audited() -> None:
    """It ends because of another sign-in."""
    office = Office()
    secrets = [await office.sessions.begin(EDITOR, "a") for _ in range(MAX_SESSIONS)]
    await office.sessions.begin(EDITOR, "b")
    oldest = session_id(digest(secrets[0]))
    assert ("session.ended", oldest, "t1", MAX_SESSIONS) in office.audited


class NoRoom:
    """An audit that can't be written."""

    def __init__(self) -> None:
        self.refused = 0

    async def add(self, what: str, subject: str = "", *, who: str = "") -> None:
        self.refused += 1
        raise Unavailable("the store is full")
