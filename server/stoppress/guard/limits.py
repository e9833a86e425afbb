"""The limits of one process: which limits there are, and what each counts.

Rules:
- By address: requests by cost, new readers, answered bytes, failed credentials and
  sign-ins. By caller and by feed: writes; by caller: uploads, their bytes, link cards.
  Sign-ins, writes and uploads are shared by all processes through the store, once per
  second (`shared_limits.py`): a flood can use the burst once in each process, not more.
- A limit answers with the seconds to wait; 0.0 means go on. Each limit is a setting;
  `limits=off` lifts them all.
- A peer that is not trusted and forwards for others may have an audience behind it: its
  readers share one allowance, PROCESS_SHARE times that of one address. Sign-ins and
  writes keep the limits of one address.
- The burst of a limit is its rate times some seconds: readers return all at once after
  a break, and a system imports its archive once.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from stoppress.guard.client_address import Client
from stoppress.guard.fair_slots import FairSlots
from stoppress.guard.token_buckets import TokenBuckets
from stoppress.metric_instruments import NO_METER, Meter
from stoppress.settings import Settings

READ_BURST_S = 30.0
SIGN_IN_BURST_S = 120.0
WRITE_BURST_S = 300.0
LINK_CARD_BURST_S = 60.0
PROCESS_SHARE = 8
"""Allowances of one address that all readers behind unknown proxies share."""
LARGE_BYTES = 128 << 10
"""A large answer: it does not fit into the kernel's send buffer."""
COST_BYTES = 16 << 10
"""Bytes of a large answer that cost as much as one cached answer: 1 MiB costs 64."""
REFUSAL_COST = 16
"""The cost of a 429 for its address, in cached answers."""
REFUSALS_PER_S = 1.0
REFUSALS_BURST_S = 30.0
"""Above these the requests of an address wait for their turn, as those of a crowd."""
MAX_DEBT_S = 10.0
"""Refusals add to the debt of an address while its wait is shorter than this."""
COSTLY_SLOTS = 4
"""Requests that may read the store at once: each may hold some MiB."""
COSTLY_WAITING = 1024
KNOWN_SECRETS = 4096
"""Secrets that were valid, remembered so that failed attempts of other clients at the
same address do not lock them out."""
WARNED_FORWARDERS = 64
FORWARDED = "forwarded"
"""The key that readers behind unknown proxies share."""

NO_CLIENT = Client("", "")

log = logging.getLogger(__name__)


class LimitMetrics:
    """The metrics of limits."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.limited = meter.counters(
            "stoppress_limited", "Requests refused by a limit, by limit.", "limit"
        )


class Limits:
    """The limits of one process. Each call takes a microsecond or less."""

    def __init__(
        self,
        settings: Settings,
        metrics: LimitMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        is_on = settings.has_limits

        def by(
            rate_per_s: float, burst_s: float, *, shared: bool = False
        ) -> TokenBuckets:
            rate_per_s = rate_per_s if is_on else 0.0
            return TokenBuckets(rate_per_s, burst_s, clock, is_shared=shared)

        self._limited = (metrics or LimitMetrics()).limited
        self._handshakes = by(settings.address_handshakes_per_s, READ_BURST_S)
        self._requests = by(settings.address_requests_per_s, READ_BURST_S)
        self._refusals = by(REFUSALS_PER_S, REFUSALS_BURST_S)
        self._bytes = by(settings.address_bytes_per_s, READ_BURST_S)
        self._failures = by(settings.address_failures_per_s, SIGN_IN_BURST_S)
        self._sign_ins = by(
            settings.address_sign_ins_per_s, SIGN_IN_BURST_S, shared=True
        )
        self._caller_writes = by(
            settings.caller_writes_per_s, WRITE_BURST_S, shared=True
        )
        self._link_cards = by(settings.caller_link_cards_per_s, LINK_CARD_BURST_S)
        self._feed_writes = by(settings.feed_writes_per_s, WRITE_BURST_S, shared=True)
        self._uploads = by(settings.caller_uploads_per_s, WRITE_BURST_S, shared=True)
        self._upload_bytes = by(
            settings.caller_upload_bytes_per_s, WRITE_BURST_S, shared=True
        )
        self.shared = {
            "sign-in": self._sign_ins,
            "caller": self._caller_writes,
            "feed": self._feed_writes,
            "upload": self._uploads,
            "upload-bytes": self._upload_bytes,
        }
        """The buckets shared by all processes, by their name in the store."""
        slots = COSTLY_SLOTS if is_on else 0
        self.costly = FairSlots(slots, COSTLY_WAITING)
        """The slots of requests that may hold much memory."""
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._warned: set[str] = set()

    def handshake(self, client: Client, *, is_told: bool = True) -> float:
        """Charge a new reader; returns the wait.

        `is_told` False: a refusal is not counted, as the caller asks again.
        """
        if client.is_forwarder:
            self._warn(client)
            wait_s = self._handshakes.take(FORWARDED, 1 / PROCESS_SHARE)
        else:
            wait_s = self._handshakes.take(client.key)
        return self._counted("handshakes", wait_s) if wait_s and is_told else wait_s

    def request(self, client: Client, cost: float) -> float:
        """Charge a request (1: a cached answer); returns the wait, for bytes too."""
        if client.is_forwarder:
            self._warn(client)
            wait_s = self._requests.take(FORWARDED, cost / PROCESS_SHARE)
            owed_s = self._bytes.wait_s(FORWARDED)
        else:
            wait_s = self._requests.take(client.key, cost)
            owed_s = self._bytes.wait_s(client.key)
        if wait_s:
            return self._counted("requests", wait_s)
        return self._counted("bytes", owed_s) if owed_s else 0.0

    def refused(self, client: Client) -> None:
        """Charge an answer 429: a client that does not wait is soon refused unread."""
        key, share = client.key, 1
        if client.is_forwarder:
            key, share = FORWARDED, PROCESS_SHARE
        self._refusals.charge(client.key, 1)
        if self._requests.wait_s(key) < MAX_DEBT_S:
            self._requests.charge(key, REFUSAL_COST / share)

    def is_in_debt(self, key: str) -> bool:
        """Whether an address was refused so often that its requests are not read."""
        return self._requests.wait_s(key) > 0

    def is_refused_often(self, key: str) -> bool:
        """Whether an address goes on although it is refused."""
        return self._refusals.wait_s(key) > 0

    def answered(self, client: Client, size: int) -> None:
        """Charge an answer of `size` bytes; a large one costs as many requests do."""
        key, share = client.key, 1
        if client.is_forwarder:
            key, share = FORWARDED, PROCESS_SHARE
        self._bytes.charge(key, size / share)
        if size > LARGE_BYTES:
            self._requests.charge(key, size / COST_BYTES / share)

    def credential(self, client: Client, secret: str) -> float:
        """The wait before a credential is looked up; 0.0 if it was valid lately."""
        wait_s = self._failures.wait_s(client.key)
        if not wait_s or _digest(secret) in self._known:
            return 0.0
        return self._counted("failures", wait_s)

    def credential_failed(self, client: Client) -> None:
        """Charge an unknown credential."""
        self._failures.charge(client.key, 1)

    def credential_valid(self, secret: str) -> None:
        """Remember a valid credential."""
        known, name = self._known, _digest(secret)
        known[name] = None
        known.move_to_end(name)
        if len(known) > KNOWN_SECRETS:
            known.popitem(last=False)

    def sign_in(self, client: Client) -> float:
        """Charge a sign-in at the desk; returns the wait."""
        wait_s = self._sign_ins.take(client.key)
        return self._counted("sign-ins", wait_s) if wait_s else 0.0

    def write(self, caller: str, feed: str | None) -> float:
        """Charge a write by a caller (id of a token or person) to `feed`, if given."""
        wait_s = self._caller_writes.take(caller)
        if wait_s:
            return self._counted("caller-writes", wait_s)
        wait_s = self._feed_writes.take(feed) if feed is not None else 0.0
        return self._counted("feed-writes", wait_s) if wait_s else 0.0

    def upload(self, caller: str) -> float:
        """Charge an upload by a caller, before it is read; returns the wait."""
        wait_s = self._uploads.take(caller)
        return self._counted("uploads", wait_s) if wait_s else 0.0

    def uploaded(self, caller: str, size: int) -> float:
        """Charge the bytes of an upload that was read."""
        wait_s = self._upload_bytes.take(caller, size)
        return self._counted("upload-bytes", wait_s) if wait_s else 0.0

    def link_card(self, caller: str) -> float:
        """Charge a link card that is fetched for a caller; returns the wait."""
        wait_s = self._link_cards.take(caller)
        return self._counted("link-cards", wait_s) if wait_s else 0.0

    def refused_draft(self) -> None:
        """Count a draft that was refused as its feed has too many."""
        self._limited["drafts"].add()

    def _counted(self, limit: str, wait_s: float) -> float:
        self._limited[limit].add()
        return wait_s

    def _warn(self, client: Client) -> None:
        if client.key in self._warned or len(self._warned) >= WARNED_FORWARDERS:
            return
        self._warned.add(client.key)
        log.warning(
            "%s forwards for others and is not in trusted_proxies: its readers share "
            "one allowance; add it to trusted_proxies if it is your proxy",
            client.address,
        )


NO_LIMITS = Limits(Settings(limits="off"))
"""For servers without limits, such as those of tests."""


def _digest(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(errors="replace"), digest_size=16).digest()
