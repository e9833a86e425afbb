"""The limits: whom they meet, and whom they do not."""

from __future__ import annotations

import logging

import pytest

from stoppress.guard.client_address import Client
from stoppress.guard.limits import FORWARDED, PROCESS_SHARE, LimitMetrics, Limits
from stoppress.guard.request_cost import CACHED, SCAN, STORE_READ
from stoppress.settings import Settings
from tests.tally import Tally

OFFICE = Client("198.51.100.7", "198.51.100.7")
SCRIPT = Client("203.0.113.9", "203.0.113.9")
PROXY = Client("192.0.2.1", "192.0.2.1", is_forwarder=True)


class Gate(Limits):
    """Limits with a clock that is set by hand, and what they count."""

    def __init__(self, **given: object) -> None:
        self.now = 0.0
        self.tally = Tally()
        settings = Settings(**given)  # type: ignore[arg-type]
        super().__init__(settings, LimitMetrics(self.tally), lambda: self.now)

    @property
    def limited(self) -> set[str]:
        """Which limits were met."""
        return {one.label for one in self.tally.of("stoppress_limited")}


def test_a_newsroom_on_launch_day_reaches_no_limit() -> None:
    """50 editors behind one address sign in twice each, publish and reload."""
    gate = Gate()
    for editor in range(50):
        assert gate.sign_in(OFFICE) == gate.sign_in(OFFICE) == 0
        for _ in range(20):
            assert gate.write(f"editor-{editor}", "election") == 0
        for _ in range(40):
            assert gate.request(OFFICE, STORE_READ) == 0
    assert gate.limited == set()


def test_an_archive_import_reaches_no_limit() -> None:
    """10,000 posts, as fast as the server takes them: 10 s here."""
    gate = Gate()
    for _ in range(10_000):
        gate.now += 0.001
        assert gate.write("cms", "archive") == 0
        assert gate.request(OFFICE, STORE_READ) <= 10
    assert gate.limited <= {"requests"}


def test_twenty_thousand_readers_behind_one_address_reach_no_limit() -> None:
    """All at once, with a page each; and again ten minutes later."""
    gate = Gate()
    for _ in range(2):
        for _ in range(20_000):
            assert gate.handshake(OFFICE) == 0
            assert gate.request(OFFICE, CACHED) == 0
            gate.answered(OFFICE, 20_000)
        gate.now += 600
    assert gate.limited == set()


def test_a_script_reaches_each_limit() -> None:
    """And gets the time to wait; other clients go on."""
    gate = Gate()
    assert any(gate.handshake(SCRIPT) for _ in range(100_000))
    assert any(gate.request(SCRIPT, SCAN) for _ in range(2_000))
    assert any(gate.sign_in(SCRIPT) for _ in range(1_000))
    assert any(gate.write("token", None) for _ in range(100_000))
    assert any(gate.write(f"token-{n}", "feed") for n in range(100_000))
    wanted = {"handshakes", "requests", "sign-ins", "caller-writes", "feed-writes"}
    assert gate.limited == wanted
    gate = Gate(address_requests_per_s=0)
    gate.answered(SCRIPT, 10_000_000_000)
    assert gate.request(SCRIPT, CACHED) > 60
    assert gate.limited == {"bytes"}
    assert gate.handshake(OFFICE) == gate.request(OFFICE, SCAN) == 0
    assert gate.sign_in(OFFICE) == gate.write("other", "other") == 0


def test_a_client_that_goes_on_although_refused_waits_for_its_turn() -> None:
    """Not one that was refused now and then, and not for longer than it goes on."""
    gate = Gate()
    for _ in range(20):
        gate.refused(SCRIPT)
    assert not gate.is_refused_often(SCRIPT.key)
    for _ in range(20):
        gate.refused(SCRIPT)
    assert gate.is_refused_often(SCRIPT.key)
    assert not gate.is_refused_often(OFFICE.key)
    gate.now += 60
    assert not gate.is_refused_often(SCRIPT.key)


def test_a_client_that_ignores_429_is_refused_unread() -> None:
    """And is let in again after its debt is over, which is bounded."""
    gate = Gate()
    while not gate.request(SCRIPT, STORE_READ):
        pass
    assert not gate.is_in_debt(OFFICE.key)
    for _ in range(10_000):
        gate.refused(SCRIPT)
    assert gate.is_in_debt(SCRIPT.key) and not gate.is_in_debt(OFFICE.key)
    gate.now += 11
    assert not gate.is_in_debt(SCRIPT.key)
    assert gate.request(SCRIPT, CACHED) == 0


def test_guesses_are_limited_and_known_tokens_are_not() -> None:
    """A broken script in the office does not shut the editors out."""
    gate = Gate(address_failures_per_s=1)
    gate.credential_valid("sp_editor")
    guesses = 0
    while not gate.credential(OFFICE, f"sp_{guesses}"):
        gate.credential_failed(OFFICE)
        guesses += 1
    assert 100 <= guesses <= 130
    assert gate.credential(OFFICE, "sp_editor") == 0
    assert gate.credential(SCRIPT, "sp_any") == 0
    gate.now += 2
    assert gate.credential(OFFICE, "sp_any") == 0


def test_an_audience_behind_an_unknown_proxy_is_not_shut_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It has an allowance of its own, larger than one address'; warned of once."""
    gate = Gate(address_handshakes_per_s=10, address_requests_per_s=10)
    with caplog.at_level(logging.WARNING):
        granted = sum(not gate.handshake(PROXY) for _ in range(10_000))
        asked = sum(not gate.request(PROXY, CACHED) for _ in range(10_000))
    assert granted == asked == 300 * PROCESS_SHARE
    assert gate.handshake(SCRIPT) == 0
    assert len(caplog.records) == 1 and "trusted_proxies" in caplog.text
    # Sign-ins keep theirs, whatever headers say.
    assert sum(not gate.sign_in(PROXY) for _ in range(1000)) == 120
    assert FORWARDED not in (OFFICE.key, SCRIPT.key)


@pytest.mark.parametrize(
    "given",
    [
        {"limits": "off"},
        dict.fromkeys(
            (
                *("address_handshakes_per_s", "address_requests_per_s"),
                *("address_bytes_per_s", "address_failures_per_s"),
                *("address_sign_ins_per_s", "caller_writes_per_s"),
                "feed_writes_per_s",
            ),
            0,
        ),
    ],
)
def test_limits_can_be_lifted(given: dict[str, object]) -> None:
    """All, or each."""
    gate = Gate(**given)
    for _ in range(50_000):
        gate.handshake(SCRIPT)
        gate.request(SCRIPT, SCAN)
        gate.sign_in(SCRIPT)
        gate.write("a", "b")
        gate.credential_failed(SCRIPT)
        gate.answered(SCRIPT, 1 << 30)
    assert gate.credential(SCRIPT, "sp_x") == 0
    assert gate.limited == set()
