"""Sessions begin, end at four occasions, and hold no secret."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stoppress.desk.caller import Caller
from stoppress.domain.errors import Unavailable
from stoppress.identity.sessions import (
    BEGIN_S,
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


class SessionHarness:
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
    harness = SessionHarness()
    secret = await harness.sessions.begin(EDITOR, "Firefox")
    caller = await harness.sessions.check(secret)
    assert caller is not None and caller.kind == "session"
    assert (caller.id, caller.name, caller.scopes) == ("t1", "the desk", ("publish",))
    assert caller.may("publish", "quay") and not caller.may("publish", "other")
    assert caller.expires_at == int((harness.now + 7 * DAY) * 1000)
    assert await harness.sessions.current([caller]) == [caller]


async def test_the_store_has_no_secret() -> None:
    """192 bits or more, and only their digest is kept."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(EDITOR, "Firefox")
    assert secret.startswith(PREFIX) and len(secret) - len(PREFIX) >= 43
    assert secret != await harness.sessions.begin(EDITOR, "Firefox")
    kept = repr(harness.store.kept) + repr(harness.store.listed)
    assert secret not in kept and secret[len(PREFIX) :] not in kept
    assert digest(secret) in kept


async def test_a_session_ends_when_it_is_not_used() -> None:
    """Each request puts that off."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(ANNA, "")
    for _ in range(3):
        harness.now += 12 * HOUR - 1
        assert await harness.sessions.check(secret)
    harness.now += 12 * HOUR + 61
    assert await harness.sessions.check(secret) is None


async def test_a_session_ends_a_week_after_sign_in() -> None:
    """However much it is used."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(ANNA, "")
    for _ in range(7 * 24 - 1):
        harness.now += HOUR
        assert await harness.sessions.check(secret)
    harness.now += HOUR
    assert await harness.sessions.check(secret) is None


async def test_a_session_ends_with_what_began_it() -> None:
    """Where that has an end of its own."""
    harness = SessionHarness()
    ends = int((harness.now + HOUR) * 1000)
    short = Caller(id="x", name="x", kind="jwt", scopes=("read",), expires_at=ends)
    secret = await harness.sessions.begin(short, "")
    caller = await harness.sessions.check(secret)
    assert caller is not None and caller.expires_at == ends
    harness.now += HOUR
    assert await harness.sessions.check(secret) is None


async def test_signed_out_is_signed_out_in_every_process() -> None:
    """Nothing of it is cached."""
    harness = SessionHarness()
    here, there = harness.sessions, harness.open("the admin's token of settings")
    secret = await here.begin(EDITOR, "")
    caller = await there.check(secret)
    assert caller is not None
    with pytest.raises(LookupError):
        there.at_hand(secret)
    assert await here.sign_out(secret)
    assert await there.check(secret) is None
    assert await there.current([caller]) == [None]
    assert not await here.sign_out(secret)
    assert harness.store.listed["t1"] == {}


async def test_a_use_does_not_bring_back_what_was_ended() -> None:
    """Though it was under way at the same time."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(ANNA, "")
    (name,) = harness.store.kept
    record = harness.store.kept[name][1]
    await harness.sessions.sign_out(secret)
    assert not await harness.store.touch_session(name, record, 60)


async def test_sign_in_begins_another_session_and_ends_the_old_one() -> None:
    """A secret that somebody planted before is worth nothing after."""
    harness = SessionHarness()
    old = await harness.sessions.begin(ANNA, "")
    new = await harness.sessions.begin(EDITOR, "", old)
    assert new != old
    assert await harness.sessions.check(old) is None
    assert await harness.sessions.check(new)


async def test_a_revoked_token_ends_its_sessions() -> None:
    """And a token with fewer scopes leaves them fewer."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(EDITOR, "")
    caller = await harness.sessions.check(secret)
    assert caller is not None
    less = Caller(
        id="t1", name="x", kind="token", scopes=("read",), credential=EDITOR.credential
    )
    harness.tokens[EDITOR.credential] = less
    now = await harness.sessions.check(secret)
    assert now is not None and now.scopes == ("read",)
    harness.tokens.clear()
    assert await harness.sessions.current([caller]) == [None]
    assert await harness.sessions.check(secret) is None
    assert harness.store.kept == {}


async def test_another_admin_token_ends_sessions_of_the_former() -> None:
    """It is in no store, so the session has a mark of it."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(ADMIN, "")
    admin = await harness.sessions.check(secret)
    assert admin is not None and admin.may("admin", None) and admin.id == "admin"
    for token in ("another token of the settings", ""):
        changed = harness.open(token)
        assert await changed.current([admin]) == [None]
    assert await changed.check(secret) is None
    assert await harness.sessions.check(secret) is None, "it has ended for good"


async def test_one_s_sessions_are_listed_and_ended() -> None:
    """One of them, or everywhere; never another person's."""
    harness = SessionHarness()
    mine = []
    for browser in ("Firefox", "Chrome", "x" * 1000):
        harness.now += 1
        mine.append(await harness.sessions.begin(ANNA, browser))
    others = await harness.sessions.begin(EDITOR, "Safari")
    listed = await harness.sessions.of(ANNA.id)
    assert [one.browser for one in listed] == ["x" * 200, "Chrome", "Firefox"]
    (theirs,) = await harness.sessions.of(EDITOR.id)
    assert not await harness.sessions.end_one(ANNA.id, theirs.id)
    assert await harness.sessions.end_one(ANNA.id, listed[1].id)
    assert [await harness.sessions.check(one) is not None for one in mine] == [
        *(True, False, True),
    ]
    assert await harness.sessions.end_all(ANNA.id) == 2
    assert await harness.sessions.of(ANNA.id) == []
    assert await harness.sessions.check(others)


async def test_sessions_that_ended_leave_the_list() -> None:
    """When it is looked at."""
    harness = SessionHarness()
    await harness.sessions.begin(ANNA, "")
    harness.now += 13 * HOUR
    assert await harness.sessions.of(ANNA.id) == []
    assert harness.store.listed[ANNA.id] == {}


async def test_a_session_that_is_about_to_begin_stays_listed() -> None:
    """Looking at the list does not remove a session that is not stored yet."""
    harness = SessionHarness()
    name = digest("sps_new")
    harness.store.listed[ANNA.id] = {name: harness.now}
    assert await harness.sessions.of(ANNA.id) == []
    assert list(harness.store.listed[ANNA.id]) == [name]
    harness.now += BEGIN_S + 1
    assert await harness.sessions.of(ANNA.id) == []
    assert harness.store.listed[ANNA.id] == {}


async def test_a_person_has_so_many_sessions() -> None:
    """One more ends the oldest."""
    harness = SessionHarness()
    secrets = [await harness.sessions.begin(ANNA, "") for _ in range(MAX_SESSIONS + 1)]
    assert await harness.sessions.check(secrets[0]) is None
    assert await harness.sessions.check(secrets[1])
    assert len(await harness.sessions.of(ANNA.id)) == MAX_SESSIONS


async def test_many_lines_are_checked_by_few_calls() -> None:
    """As the registry of open lines asks."""
    harness = SessionHarness()
    callers = []
    for caller in (EDITOR, ANNA, ADMIN) * 5:
        found = await harness.sessions.check(await harness.sessions.begin(caller, ""))
        assert found is not None
        callers.append(found)
    harness.lookups = 0
    assert await harness.sessions.current(callers) == callers
    assert harness.lookups == 1
    assert await harness.sessions.current([]) == []


async def test_a_damaged_or_unknown_session_has_no_caller() -> None:
    """A store that is away is told, as nothing can be said then."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(ANNA, "")
    for record in (b"{", b'{"x":"\xff"}', b'{"x":' + b"[" * 5000):
        harness.store.kept[digest(secret)] = (harness.now + 60, record)
        assert await harness.sessions.check(secret) is None
    assert await harness.sessions.check(PREFIX + "x" * 43) is None
    assert harness.sessions.recognises(secret)
    assert not harness.sessions.recognises("sp_x")
    harness.store.away = True
    with pytest.raises(Unavailable):
        await harness.sessions.check(secret)


async def test_the_audit_is_told_before_the_act() -> None:
    """A process that is killed in between leaves no session without its entry."""
    harness = SessionHarness()
    first = await harness.sessions.begin(EDITOR, "Firefox")
    second = await harness.sessions.begin(EDITOR, "Firefox", first)
    assert await harness.sessions.sign_out(second)
    assert not await harness.sessions.sign_out(second)
    third = await harness.sessions.begin(EDITOR, "Firefox")
    assert await harness.sessions.end_one("t1", session_id(digest(third)))
    assert not await harness.sessions.end_one("t1", "unknown")
    await harness.sessions.begin(EDITOR, "Firefox")
    await harness.sessions.begin(EDITOR, "Firefox")
    assert await harness.sessions.end_all("t1") == 2
    assert await harness.sessions.end_all("t1") == 0
    ids = [session_id(digest(one)) for one in (first, second, third)]
    assert harness.audited[:6] == [
        ("session.opened", ids[0], "t1", 0),
        ("session.ended", ids[0], "t1", 1),
        ("session.opened", ids[1], "t1", 0),
        ("session.ended", ids[1], "t1", 1),
        ("session.opened", ids[2], "t1", 0),
        ("session.ended", ids[2], "t1", 1),
    ]
    assert harness.audited[-1] == ("sessions.ended", "t1", "t1", 2)
    assert len(harness.audited) == 9


async def test_without_its_audit_nothing_is_done() -> None:
    """Neither a sign-in nor a sign-out."""
    harness = SessionHarness()
    secret = await harness.sessions.begin(EDITOR, "Firefox")
    audit = harness.sessions._audit = NoRoom()
    for act in (
        harness.sessions.begin(EDITOR, "Firefox"),
        harness.sessions.sign_out(secret),
        harness.sessions.end_one("t1", session_id(digest(secret))),
        harness.sessions.end_all("t1"),
    ):
        with pytest.raises(Unavailable):
            await act
    assert audit.refused == 4
    assert list(harness.store.kept) == [digest(secret)]


async def test_the_oldest_of_too_many_is_audited() -> None:
    """It ends because of another sign-in."""
    harness = SessionHarness()
    secrets = [await harness.sessions.begin(EDITOR, "a") for _ in range(MAX_SESSIONS)]
    await harness.sessions.begin(EDITOR, "b")
    oldest = session_id(digest(secrets[0]))
    assert ("session.ended", oldest, "t1", MAX_SESSIONS) in harness.audited


class NoRoom:
    """An audit that can't be written."""

    def __init__(self) -> None:
        self.refused = 0

    async def add(self, what: str, subject: str = "", *, who: str = "") -> None:
        self.refused += 1
        raise Unavailable("the store is full")
