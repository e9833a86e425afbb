"""What calls of the API have in common."""

from __future__ import annotations

from http import HTTPStatus

from stoppress.web.api.openapi_call import BODY, READ, RESPONSES, WRITE


def test_refusals_are_http_errors_with_unique_names() -> None:
    for status in RESPONSES:
        assert HTTPStatus(int(status)) >= HTTPStatus.BAD_REQUEST
    assert len({name for name, _ in RESPONSES.values()}) == len(RESPONSES)


def test_common_refusals_are_described() -> None:
    for group in (READ, WRITE, BODY):
        assert set(group) <= RESPONSES.keys()
        assert len(set(group)) == len(group)
