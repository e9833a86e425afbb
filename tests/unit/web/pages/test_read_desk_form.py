"""A form of the desk is read, within a bound."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from stoppress.web.pages.read_desk_form import MAX_FORM_BYTES, form_fields
from stoppress.web.problems import Problem

pytestmark = pytest.mark.asyncio


def request(raw: bytes) -> Request:
    """A form as a browser sends it."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": raw, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def test_a_field_has_its_first_value() -> None:
    """An empty one is left out, as is what is no form."""
    raw = b"name=%D8%B3+b&name=c&empty=&%ff=%ff&&x"
    assert await form_fields(request(raw)) == {"name": "س b", "\ufffd": "\ufffd"}
    assert await form_fields(request(b"")) == {}


async def test_a_form_is_bounded() -> None:
    """Nobody sends more than one secret."""
    with pytest.raises(Problem) as refused:
        await form_fields(request(b"a=" + b"x" * MAX_FORM_BYTES))
    assert refused.value.status == 413
