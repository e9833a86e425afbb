"""What is repeated, when, and what is raised in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from stoppress.client.api_errors import OutcomeUnknown, RequestRefused
from stoppress.client.request_attempts import (
    LONGEST_WAIT_S,
    RequestAttempts,
    retry_after_s,
)

URL = "http://hub.example"
BROKEN = httpx.ReadError("broken")
NO_SERVER = httpx.ConnectError("refused")


def response(status: int, **headers: str) -> httpx.Response:
    """An answer of the server."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = httpx.Request("POST", f"{URL}/v1/feeds")
    body = b'{"title":"T","detail":"why"}'
    return httpx.Response(status, headers=given, content=body, request=request)


def attempts(
    *, repeat_for_s: float = 60.0, needs_server: bool = False
) -> RequestAttempts:
    """The attempts of a write, at a time that stands still."""
    return RequestAttempts(
        URL,
        "key",
        repeat_for_s=repeat_for_s,
        needs_server=needs_server,
        clock=lambda: 0.0,
    )


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_success_is_the_end(status: int) -> None:
    """Nothing is repeated."""
    assert attempts().wait_s(response(status)) is None


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 412, 422, 500, 302])
def test_a_refusal_is_final(status: int) -> None:
    """It carries the problem document."""
    with pytest.raises(RequestRefused, match="why") as refused:
        attempts().wait_s(response(status))
    assert (refused.value.status, refused.value.problem["title"]) == (status, "T")


@pytest.mark.parametrize(
    "outcome", [response(429), response(502), response(503), response(504), BROKEN]
)
def test_a_request_of_unknown_outcome_is_repeated(
    outcome: httpx.Response | httpx.TransportError,
) -> None:
    """Many times, with a bounded wait."""
    tries = attempts()
    for _ in range(20):
        wait_s = tries.wait_s(outcome)
        assert wait_s is not None and 0 <= wait_s <= LONGEST_WAIT_S


def test_retry_after_is_the_least_wait() -> None:
    """A number or a date; what is beyond the patience is raised at once."""
    wait_s = attempts().wait_s(response(503, retry_after="7"))
    assert wait_s is not None and 7 <= wait_s < 12
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    wait_s = attempts().wait_s(response(429, retry_after=later))
    assert wait_s is not None and 28 <= wait_s < 36
    with pytest.raises(RequestRefused):
        attempts().wait_s(response(429, retry_after="61"))


@pytest.mark.parametrize("text", ["", "soon", "-3", "1.5", "٣", "Sat, 99 Nov"])
def test_an_invalid_retry_after_is_ignored(text: str) -> None:
    """As if it were not there."""
    assert retry_after_s(text) == 0.0


def test_in_the_end_it_is_known_whether_the_outcome_is() -> None:
    """An answer that was lost may have been done; a refusal for too many was not."""
    for outcome in (BROKEN, response(503)):
        with pytest.raises(OutcomeUnknown) as unknown:
            attempts(repeat_for_s=0).wait_s(outcome)
        assert unknown.value.idempotency_key == "key"
    for refusal in (NO_SERVER, response(429)):
        with pytest.raises(RequestRefused):
            attempts(repeat_for_s=0).wait_s(refusal)
    tries = RequestAttempts(
        URL, "key", repeat_for_s=1, clock=iter((0.0, 0.0, 9.0)).__next__
    )
    tries.wait_s(BROKEN)
    with pytest.raises(OutcomeUnknown):
        tries.wait_s(NO_SERVER)


def test_a_read_is_never_of_unknown_outcome() -> None:
    """It has no key, and changes nothing."""
    reading = RequestAttempts(URL, repeat_for_s=0)
    with pytest.raises(RequestRefused, match="is the server running"):
        reading.wait_s(BROKEN)


def test_a_server_that_is_not_there_may_be_needed() -> None:
    """At the first attempt; later it may be restarting."""
    assert attempts().wait_s(NO_SERVER) is not None
    with pytest.raises(RequestRefused, match="is the server running"):
        attempts(needs_server=True).wait_s(NO_SERVER)
    tries = attempts(needs_server=True)
    tries.wait_s(response(503))
    assert tries.wait_s(NO_SERVER) is not None


def test_an_answer_that_is_no_problem_is_told_by_its_status() -> None:
    """A proxy's page, or JSON that is something else."""
    for content in (b"<html>", b"[]", b"{}", b"1"):
        request = httpx.Request("GET", f"{URL}/x")
        answer = httpx.Response(404, content=content, request=request)
        with pytest.raises(RequestRefused, match="/x answered 404 Not Found"):
            attempts().wait_s(answer)


@pytest.mark.parametrize(
    "error",
    [
        httpx.LocalProtocolError("Illegal header value b'Bearer sp_secret'"),
        httpx.UnsupportedProtocol("no such scheme"),
    ],
)
def test_what_can_not_be_sent_is_not_repeated(error: httpx.TransportError) -> None:
    """And its headers are not told."""
    with pytest.raises(RequestRefused, match="can't be sent") as refused:
        attempts().wait_s(error)
    assert "sp_" not in str(refused.value)
