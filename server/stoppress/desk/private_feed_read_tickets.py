"""Signs and checks tickets, which let readers read one private feed for a limited time.

Rules:
- A ticket is `st_<kid>.<feed>.<issued>.<expires>.<HMAC-SHA-256>`, times in milliseconds
  since 1970. Checking one writes nothing, and reads nothing but once per new key.
- The keys are stored, and replaced after ROTATE_MS. Former keys stay valid for checks
  until every ticket that they signed has expired. The newest known key signs.
- For a ticket with an unknown key the keys are read again, at most once per second for
  all requests, so that strangers can't cause load.
- A ticket that lasts longer than `max_ticket_s` is refused, even if it was issued
  before the setting was lowered.
- In an address a ticket is valid for QUERY_MS after it was issued: addresses are
  logged.
- A ticket gives `read` on its feed only; its holder can't issue tickets.
- Under an Idempotency-Key the store keeps what a ticket says, not its signature: a
  repeat gets the same ticket.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated, NamedTuple, Protocol

import msgspec
from msgspec import Meta, Struct

from stoppress.desk.caller import Caller, CallerKind
from stoppress.desk.json_input import read
from stoppress.desk.post_ids_and_idempotency_keys import Requester, idempotency_of
from stoppress.domain.errors import DeletedSince, Invalid
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.domain.timestamps import instant
from stoppress.metric_instruments import NO_METER, Meter

PREFIX = "st_"
TICKET_S = 900
"""How long a ticket lasts by default."""
MAX_TICKET_S = 86_400
"""The default of the setting `max_ticket_s`."""
QUERY_MS = 60_000
"""How long after its issue a ticket is valid in an address."""
ROTATE_MS = 30 * 86_400_000
READ_KEYS_S = 1.0
"""Time between two reads of the keys because of unknown ones."""

_FORM = re.compile(
    r"st_([0-9a-f]{24})\.([a-z0-9-]{1,80})\.(\d{1,16})\.(\d{1,16})\.([\w-]{43})",
    re.ASCII,
)


class TicketInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The input to issue a ticket: how many seconds it lasts."""

    ttl_s: Annotated[int, Meta(ge=1)] | None = None


_input = msgspec.json.Decoder(TicketInput)


class Ticket(Struct, frozen=True):
    """A ticket as the API returns it."""

    ticket: str
    expires_at: str


class TicketKeyStore(Protocol):
    """Stores the keys that sign tickets, by their ids."""

    async def ticket_keys(self) -> dict[str, bytes]:
        """Every key."""

    async def put_ticket_key(self, kid: str, key: bytes) -> None:
        """Add a key."""

    async def drop_ticket_keys(self, kids: Sequence[str]) -> None:
        """Delete keys; one or more."""


class IssuedTicketStore(Protocol):
    """Keeps what the ticket says that was issued under an Idempotency-Key."""

    async def value_under_key(self, feed: str, idempotency: Idempotency) -> str | None:
        """What was kept. Raises NotFound, IdempotencyKeyReused."""

    async def keep_under_key(
        self, feed: str, idempotency: Idempotency, value: str
    ) -> str:
        """Keep it, unless there is one; returns what is kept."""


class IssuedTicket(NamedTuple):
    """A ticket, and whether an earlier request with the same key made it."""

    ticket: Ticket
    repeated: bool = False


class _Parsed(NamedTuple):
    kid: str
    feed: str
    issued: int
    expires: int
    signature: str


def _parse(ticket: str) -> _Parsed | None:
    match = _FORM.fullmatch(ticket)
    if match is None:
        return None
    return _Parsed(match[1], match[2], int(match[3]), int(match[4]), match[5])


def _signature(key: bytes, feed: str, issued: int, expires: int) -> str:
    mac = hmac.new(key, f"{feed}\n{issued}\n{expires}".encode(), sha256).digest()
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


class TicketMetrics:
    """The metrics of tickets."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.refused = meter.counters(
            "stoppress_refused_tickets",
            "Tickets of requests that were refused, by reason.",
            "reason",
            ("malformed", "unknown key", "signature", "expired", "too long", "too old"),
        )


class InvalidTicket(LookupError):
    """The ticket is invalid; `reason` is a label of TicketMetrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the ticket is refused: {reason}")
        self.reason = reason


class Tickets:
    """The CallerSource of tickets, each of which lasts at most `most_s`."""

    kind: CallerKind = "ticket"

    def __init__(
        self,
        store: TicketKeyStore,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        most_s: int = MAX_TICKET_S,
        metrics: TicketMetrics | None = None,
    ) -> None:
        self.metrics = metrics or TicketMetrics()
        self._most_ms = most_s * 1000
        self._store = store
        self._clock = clock
        self._now = monotonic
        self._keys: dict[str, bytes] = {}
        self._read_at = -READ_KEYS_S

    async def issue(self, feed: str, raw: bytes) -> Ticket:
        """Issue a ticket for the feed, by the JSON in `raw`.

        Raises Invalid, Unavailable.
        """
        asked_s = read(raw, _input).ttl_s if raw.strip() else None
        most_s = self._most_ms // 1000
        ttl_s = min(TICKET_S, most_s) if asked_s is None else asked_s
        if ttl_s > most_s:
            raise Invalid(
                "ttl_s", f"is over the setting max_ticket_s: use 1 to {most_s}"
            )
        kid = await self._signing_key()
        issued = self._clock()
        return self._signed(kid, feed, issued, issued + ttl_s * 1000)

    async def issue_once(
        self, store: IssuedTicketStore, feed: str, raw: bytes, requester: Requester
    ) -> IssuedTicket:
        """Issue a ticket, or sign the one again that the Idempotency-Key made before.

        Raises Invalid, IdempotencyKeyReused, DeletedSince, Unavailable.
        """
        idempotency = idempotency_of(
            requester, "POST", f"/v1/feeds/{feed}/tickets", raw.strip()
        )
        if idempotency is None:
            return IssuedTicket(await self.issue(feed, raw))
        earlier = await store.value_under_key(feed, idempotency)
        if earlier is None:
            made = await self.issue(feed, raw)
            unsigned = made.ticket.rpartition(".")[0]
            earlier = await store.keep_under_key(feed, idempotency, unsigned)
            if earlier == unsigned:
                return IssuedTicket(made)
        kid, _, issued, expires = earlier.removeprefix(PREFIX).split(".")
        if kid not in self._keys:
            self._keys = await self._store.ticket_keys()
        if kid not in self._keys:
            raise DeletedSince("ticket", kid)
        ticket = self._signed(kid, feed, int(issued), int(expires))
        return IssuedTicket(ticket, repeated=True)

    def _signed(self, kid: str, feed: str, issued: int, expires: int) -> Ticket:
        signature = _signature(self._keys[kid], feed, issued, expires)
        ticket = f"{PREFIX}{kid}.{feed}.{issued}.{expires}.{signature}"
        return Ticket(ticket, instant(expires))

    def counts_in_query(self, secret: str) -> bool:
        """Whether a secret is still valid in an address; True if it is no ticket."""
        if not secret.startswith(PREFIX):
            return True
        parsed = _parse(secret)
        return parsed is not None and self._clock() <= parsed.issued + QUERY_MS

    def refuse_in_query(self) -> None:
        """Count a ticket that came too late in an address."""
        self.metrics.refused["too old"].add()

    # As a CallerSource

    def recognises(self, secret: str) -> bool:
        """Whether it has the form of a ticket."""
        return secret.startswith(PREFIX)

    def at_hand(self, secret: str) -> Caller:
        """The reader with this ticket. Raises LookupError if it is not valid."""
        parsed = _parse(secret)
        if parsed is None:
            raise InvalidTicket("malformed")
        key = self._keys.get(parsed.kid)
        if key is None:
            raise InvalidTicket("unknown key")
        right = _signature(key, parsed.feed, parsed.issued, parsed.expires)
        if not hmac.compare_digest(right, parsed.signature):
            raise InvalidTicket("signature")
        if self._clock() >= parsed.expires:
            raise InvalidTicket("expired")
        if parsed.expires - parsed.issued > self._most_ms:
            raise InvalidTicket("too long")  # issued before the setting was lowered
        return Caller(
            id=f"ticket {parsed.kid[:8]} {parsed.feed}",
            name=f"a reader of {parsed.feed}",
            kind="ticket",
            scopes=("read",),
            feeds=(parsed.feed,),
            expires_at=parsed.expires,
            credential=parsed.signature,
        )

    async def check(self, secret: str) -> Caller | None:
        """The reader with this ticket, or None. Raises Unavailable."""
        parsed = _parse(secret)
        if parsed is not None and parsed.kid not in self._keys:
            await self._read_keys()
        try:
            return self.at_hand(secret)
        except InvalidTicket as invalid:
            self.metrics.refused[invalid.reason].add()
            return None

    async def current(self, callers: Sequence[Caller]) -> list[Caller | None]:
        """Each of these readers, or None: expired. The store is not asked."""
        now = self._clock()
        return [None if caller.has_expired(now) else caller for caller in callers]

    # Keys

    async def _read_keys(self) -> None:
        now = self._now()
        if now - self._read_at >= READ_KEYS_S:
            self._read_at = now
            self._keys = await self._store.ticket_keys()

    async def _signing_key(self) -> str:
        """The id of the newest key that is young enough to sign."""
        now = self._clock()
        if not self._is_young(now):
            self._keys = await self._store.ticket_keys()
        if not self._is_young(now):
            kid = f"{now:012x}{secrets.token_hex(6)}"
            key = secrets.token_bytes(32)
            await self._store.put_ticket_key(kid, key)
            self._keys[kid] = key
            last = now - ROTATE_MS - 2 * max(self._most_ms, MAX_TICKET_S * 1000)
            if old := [kid for kid in self._keys if _made(kid) < last]:
                await self._store.drop_ticket_keys(old)
        return max(self._keys)

    def _is_young(self, now: int) -> bool:
        return bool(self._keys) and now - _made(max(self._keys)) < ROTATE_MS


def _made(kid: str) -> int:
    """When a key was made: its id begins with the time."""
    return int(kid[:12], 16)
