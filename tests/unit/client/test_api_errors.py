"""The errors of calls to the API."""

from __future__ import annotations

from stoppress.client.api_errors import ApiCallFailed, OutcomeUnknown, RequestRefused


def test_an_error_carries_what_the_server_said() -> None:
    """Both kinds are caught as one."""
    problem = {"title": "Conflict", "detail": "the slug is taken"}
    for kind in (RequestRefused, OutcomeUnknown):
        error = kind("the slug is taken", 409, problem, "key-1")
        assert isinstance(error, ApiCallFailed)
        assert (str(error), error.status) == ("the slug is taken", 409)
        assert (error.problem, error.idempotency_key) == (problem, "key-1")
    assert (RequestRefused("no answer").status, RequestRefused("x").problem) == (0, {})
