"""A file is received whole, within its limits, or refused in words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from stoppress.domain.errors import Invalid, TooMany
from stoppress.web.api import upload_body
from stoppress.web.api.upload_body import Receiving, received
from stoppress.web.problems import Problem
from stoppress.web.request_parsing import ClientDisconnected

pytestmark = pytest.mark.asyncio
FORM = "multipart/form-data; boundary=x"


def a_request(*parts: bytes | None, **headers: str) -> Request:
    """A request with a body in parts; None: the client leaves."""
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        part = waiting.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw}
    return Request(scope, receive)


def form(name: str, data: bytes, filename: str = ' filename="x"') -> bytes:
    """A form with one field."""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}";{filename}\r\n\r\n'
    return head.encode() + data + b"\r\n--x--\r\n"


async def test_bytes_and_forms_are_received() -> None:
    """In parts, into a file with a descriptor."""
    plain = a_request(b"ab", b"c", content_type="image/png")
    in_form = a_request(form("file", b"abc"), content_type=FORM)
    for request in (plain, in_form, a_request(b"abc")):
        with await received(request, 100) as file:
            assert file.read() == b"abc" and file.fileno() > 2


async def test_too_many_bytes_are_refused() -> None:
    """As soon as the length is known; a limit of 0 refuses every byte."""
    long = a_request(b"x" * 6, b"x" * 5, content_type="image/png")
    announced = a_request(content_length="9999999")
    in_form = a_request(form("file", b"x" * 11), content_type=FORM)
    for request in (long, announced, in_form):
        with pytest.raises(Problem, match="larger than 10 bytes") as refused:
            await received(request, 10)
        assert refused.value.status == 413 and refused.value.more == {"limit": 10}
    with pytest.raises(Problem, match="takes no pictures"):
        await received(a_request(b"x"), 0)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("image/svg+xml", "scripts"),
        ("text/html", "not that of a picture"),
        ("application/json", "`file`"),
    ],
)
async def test_other_content_types_are_refused_unread(kind: str, word: str) -> None:
    """415."""
    with pytest.raises(Problem, match=word) as refused:
        await received(a_request(content_type=kind), 10)
    assert refused.value.status == 415
    with pytest.raises(Problem, match="uncompressed"):
        await received(a_request(content_encoding="gzip"), 10)


async def test_a_form_without_the_file_is_refused() -> None:
    """So is a broken form."""
    for body in (form("picture", b"x"), form("file", b"x", ""), b"no form"):
        with pytest.raises(Invalid, match="`file`"):
            await received(a_request(body, content_type=FORM), 100)
    two = form("file", b"x").replace(b"--x--\r\n", b"") + form("file", b"y")
    with pytest.raises(Invalid, match="Too many files"):
        await received(a_request(two, content_type=FORM), 100)


async def test_a_slow_sender_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a sender that disconnects."""
    monkeypatch.setattr(upload_body, "UPLOAD_PAUSE_S", 0.01)
    with pytest.raises(Problem) as refused:
        await received(a_request(), 10)
    assert refused.value.status == 408
    with pytest.raises(ClientDisconnected):
        await received(a_request(None), 10)


async def test_concurrent_uploads_are_limited() -> None:
    """The next one gets Retry-After."""
    places = Receiving(1)
    with places.place():
        with pytest.raises(TooMany, match="uploads at once"), places.place():
            pass
    with places.place():
        pass
