"""Sessions at the desk: the caller that is signed in, until when, and what ends it.

Rules:
- The cookie holds 256 random bits, the store only their SHA-256 digest: reading the
  store or a log does not give a session.
- A session ends `idle_s` after its last request, `most_s` after sign-in, when it is
  signed out (here or from another session), or with the token that it was made with.
- No session is cached: once signed out, it is refused by every process at once.
- A session made with a token has the rights that the token has now; a session made by
  the identity provider has the rights given at sign-in.
- The last use is stored at most once per TOUCH_S, not with every request.
- The audit has the entry of a session before the session begins or is signed out: a
  process that is killed leaves no change without one.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from stoppress.desk.caller import Caller, CallerKind, scopes_of
from stoppress.domain.undecodable_json import UNDECODABLE
from stoppress.identity.session_and_single_use_store_protocol import SessionStore
from stoppress.metric_instruments import NO_METER, Meter

PREFIX = "sps_"
TOUCH_S = 60
MAX_SESSIONS = 50
"""Sessions per person; a further one ends the oldest."""
BEGIN_S = 60.0
"""A session is listed before it is stored: for so long a missing one may be about to
begin."""
MAX_BROWSER = 200
"""Characters kept of a browser's name, by which its owner recognises the session."""

log = logging.getLogger(__name__)


class SessionMetrics:
    """The metrics of sessions."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.sign_ins = meter.counters(
            "stoppress_sign_ins", "Sign-ins at the desk, by outcome.", "outcome"
        )
        self.ended = meter.counters(
            "stoppress_sessions_ended", "Sessions that were ended, by cause.", "how"
        )


class Session(Struct, frozen=True, kw_only=True):
    """A session as it is stored."""

    id: str
    owner: str
    """The caller's id: a token's, or issuer and subject."""
    name: str
    token: str = ""
    """The key to look the token up by; "": none, the scopes are those at sign-in."""
    scopes: tuple[str, ...] = ()
    feeds: tuple[str, ...] | None = None
    began_at: int
    used_at: int
    ends_at: int
    """Milliseconds since 1970, like the other two."""
    browser: str = ""


ADMIN_MARK = "admin "
"""The prefix of `Session.token` for the admin token of the settings."""


class TokenLookup(Protocol):
    """Looks tokens up."""

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """The current state of each of these callers; None: revoked or expired."""


class SessionAudit(Protocol):
    """Adds entries to the audit."""

    async def add(self, what: str, subject: str = "", *, who: str = "") -> None:
        """Add an entry about a session, before the act. Raises Unavailable."""


_record = msgspec.json.Decoder(Session)


class Sessions:
    """The source of callers of kind "session"; begins and ends sessions."""

    kind: CallerKind = "session"

    def __init__(
        self,
        store: SessionStore,
        tokens: TokenLookup,
        audit: SessionAudit,
        *,
        idle_s: float,
        most_s: float,
        admin_token: str = "",
        metrics: SessionMetrics | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._audit = audit
        self._idle_s = min(idle_s or most_s, most_s)
        self._most_s = most_s
        self._admin = _admin_mark(admin_token)
        self.metrics = metrics or SessionMetrics()
        self._clock = clock

    # As a source of Callers

    def recognises(self, secret: str) -> bool:
        """Whether the secret has the form of a session's."""
        return secret.startswith(PREFIX)

    def at_hand(self, secret: str) -> Caller:
        """Raises LookupError: a session is looked up each time."""
        raise LookupError("sessions are not cached")

    async def check(self, secret: str) -> Caller | None:
        """The caller signed in with this secret, or None. Raises Unavailable."""
        name = digest(secret)
        (found,) = await self._read([name])
        if found is None:
            return None
        (caller,) = await self._callers([(name, found)])
        if caller is None:
            await self._end(found, name, "revoked")
            return None
        now = self._now_ms()
        if now - found.used_at >= min(TOUCH_S, self._idle_s / 4) * 1000:
            used = msgspec.structs.replace(found, used_at=now)
            await self._store.touch_session(
                name, msgspec.json.encode(used), self._ttl_s(used)
            )
        return caller

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """The current state of each of these callers; None: the session has ended."""
        names = [caller.credential for caller in callers]
        found = await self._read(names)
        return await self._callers(list(zip(names, found, strict=True)))

    # As the desk uses it

    async def begin(self, caller: Caller, browser: str, old: str | None = None) -> str:
        """Begin a session for a caller; returns the secret for its cookie.

        `old` is the secret that the browser had before; that session ends.
        """
        if old:
            await self.sign_out(old)
        secret = PREFIX + secrets.token_urlsafe(32)
        name, now = digest(secret), self._now_ms()
        ends = now + int(self._most_s * 1000)
        session = Session(
            id=session_id(name),
            owner=caller.id,
            name=caller.name,
            token=self._mark(caller),
            scopes=tuple(caller.scopes),
            feeds=caller.feeds,
            began_at=now,
            used_at=now,
            ends_at=min(ends, caller.expires_at or ends),
            browser=browser[:MAX_BROWSER],
        )
        others = await self._store.session_names(caller.id)
        if len(others) >= MAX_SESSIONS:
            oldest = others[: len(others) - MAX_SESSIONS + 1]
            for one in oldest:
                await self._audit.add("session.ended", session_id(one), who=caller.id)
            await self._store.drop_sessions(caller.id, oldest)
        await self._audit.add("session.opened", session.id, who=caller.id)
        await self._store.put_session(
            caller.id,
            name,
            msgspec.json.encode(session),
            self._ttl_s(session),
            # As long as any session may last, even if this one ends sooner.
            math.ceil(self._most_s),
        )
        return secret

    async def sign_out(self, secret: str) -> bool:
        """End the session with this secret; returns whether there was one."""
        name = digest(secret)
        (found,) = await self._read([name])
        if found is None:
            return False
        await self._audit.add("session.ended", found.id, who=found.owner)
        return await self._end(found, name, "signed out")

    async def of(self, owner: str) -> list[Session]:
        """The sessions of an owner, newest first."""
        names = await self._store.session_names(owner)
        found = await self._read(names)
        gone = {name for name, one in zip(names, found, strict=True) if one is None}
        if gone:
            before_ms = self._now_ms() - int(BEGIN_S * 1000)
            old = await self._store.session_names(owner, before_ms)
            await self._store.drop_sessions(owner, [one for one in old if one in gone])
        return sorted(
            (one for one in found if one is not None),
            key=lambda one: (one.began_at, one.id),
            reverse=True,
        )

    async def end_one(self, owner: str, id: str) -> bool:
        """End the owner's session with this id; returns whether there was one."""
        names = await self._store.session_names(owner)
        named = [name for name in names if session_id(name) == id]
        if not named:
            return False
        await self._audit.add("session.ended", id, who=owner)
        ended = await self._store.drop_sessions(owner, named) > 0
        if ended:
            self.metrics.ended["signed out"].add()
        return ended

    async def end_all(self, owner: str) -> int:
        """End all sessions of an owner; returns how many there were."""
        names = await self._store.session_names(owner)
        if not names:
            return 0
        await self._audit.add("sessions.ended", owner, who=owner)
        ended = await self._store.drop_sessions(owner, names)
        self.metrics.ended["everywhere"].add(ended)
        return ended

    async def _end(self, session: Session, name: str, how: str) -> bool:
        self.metrics.ended[how].add()
        return await self._store.drop_sessions(session.owner, [name]) > 0

    # Reading

    async def _read(self, names: Sequence[str]) -> list[Session | None]:
        if not names:
            return []
        now = self._now_ms()
        found: list[Session | None] = []
        for record in await self._store.sessions(names):
            session = _decoded(record)
            # The store drops expired sessions, but not at the exact time.
            if session is not None and now < session.ends_at:
                idle_ms = now - session.used_at
                # Its last use is stored up to TOUCH_S late.
                found.append(session if idle_ms < self._patience_ms() else None)
            else:
                found.append(None)
        return found

    async def _callers(
        self, sessions: Sequence[tuple[str, Session | None]]
    ) -> list[Caller | None]:
        """The caller of each session; None if the session or its token has ended."""
        found = [None if one is None else self._known(one) for _, one in sessions]
        asked = [one for one in found if one is not None and one.kind == "token"]
        tokens = iter(await self._tokens.current(asked) if asked else [])
        answer: list[Caller | None] = []
        for (name, session), known in zip(sessions, found, strict=True):
            caller = next(tokens) if known and known.kind == "token" else known
            answer.append(
                _in_session(caller, session, name) if caller and session else None
            )
        return answer

    def _known(self, session: Session) -> Caller | None:
        """The caller that a session was made for, with the rights of that time.

        None if it was made with an admin token that the settings no longer have.
        """
        mark = session.token
        if mark.startswith(ADMIN_MARK):
            is_theirs = bool(self._admin) and hmac.compare_digest(mark, self._admin)
            return _caller(session, "jwt") if is_theirs else None
        return _caller(session, "token" if mark else "jwt")

    def _mark(self, caller: Caller) -> str:
        if caller.kind != "token":
            return ""
        # The admin token of the settings is in no store.
        return caller.credential or self._admin

    def _ttl_s(self, session: Session) -> int:
        left_s = (session.ends_at - self._now_ms()) / 1000
        return max(1, int(min(left_s, self._patience_ms() / 1000)))

    def _patience_ms(self) -> int:
        return int((self._idle_s + min(TOUCH_S, self._idle_s / 4)) * 1000)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def digest(secret: str) -> str:
    """The digest under which a session is stored."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def session_id(name: str) -> str:
    """The id of the session stored under a digest; it can't be used to sign in."""
    return name[:16]


def _decoded(record: bytes | None) -> Session | None:
    if record is None:
        return None
    try:
        return _record.decode(record)
    except UNDECODABLE:
        log.error("a session's record is damaged: the session is treated as ended")
        return None


def _caller(session: Session, kind: CallerKind) -> Caller:
    return Caller(
        id=session.owner,
        name=session.name,
        kind=kind,
        scopes=scopes_of(session.scopes),
        feeds=session.feeds,
        credential=session.token,
    )


def _admin_mark(token: str) -> str:
    """A mark that differs for each admin token and does not help to guess it."""
    if not token:
        return ""
    return ADMIN_MARK + hashlib.sha256(f"session {token}".encode()).hexdigest()[:16]


def _in_session(caller: Caller, session: Session, name: str) -> Caller:
    ends = min(session.ends_at, caller.expires_at or session.ends_at)
    return msgspec.structs.replace(
        caller, kind="session", expires_at=ends, credential=name
    )
