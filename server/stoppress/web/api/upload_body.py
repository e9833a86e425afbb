"""Receives an uploaded file: the body itself, or the field `file` of a form.

Rules:
- The upload is written to a file without a name, not kept in memory. It is limited in
  bytes and in time.
- At most RECEIVED_AT_ONCE uploads are received at once; others are refused, with a time
  to retry.
- A body whose type is not that of a picture is refused before it is received.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from stoppress.domain.errors import Invalid, TooMany
from stoppress.web.problems import Problem
from stoppress.web.request_parsing import ClientDisconnected

RECEIVED_AT_ONCE = 32
"""Uploads per process: enough for as many editors as send pictures in one minute."""
UPLOAD_TIMEOUT_S = 300.0
"""Timeout of an upload: 20 MB over a line of 600 kbit/s."""
UPLOAD_PAUSE_S = 30.0
"""Longest pause between two parts of a body."""
FORM_BYTES = 64 << 10
"""Limit of a form besides the file, in bytes."""
HOW = "send the picture itself, or a form with the field `file`"

_PICTURE = re.compile(r"image/[\w.+-]+|application/octet-stream|", re.IGNORECASE)


class Receiving:
    """The uploads that one process receives."""

    def __init__(self, most: int = RECEIVED_AT_ONCE) -> None:
        self._free = most

    @contextmanager
    def place(self) -> Iterator[None]:
        """The slot of one upload. Raises TooMany."""
        if not self._free:
            raise TooMany("uploads at once", 5)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


RECEIVING = Receiving()


async def received(request: Request, limit: int) -> BinaryIO:
    """The file of a request, to be closed by the caller; its position is 0.

    Raises Problem 408, 413 or 415, Invalid, TooMany.
    """
    headers = request.headers
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            415, "encoded", "Unsupported encoding", "send the body uncompressed"
        )
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit + FORM_BYTES:
        raise _too_long(limit)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = kind == "multipart/form-data"
    if kind == "image/svg+xml":
        raise Problem(
            415,
            "no-picture",
            "Unsupported media type",
            "SVG is not supported, as it may contain scripts: export it as PNG",
        )
    if not is_form and not _PICTURE.fullmatch(kind):
        raise Problem(
            415,
            "no-picture",
            "Unsupported media type",
            f"the type {kind[:100]!r} is not that of a picture: {HOW}",
        )
    with RECEIVING.place():
        try:
            async with asyncio.timeout(UPLOAD_TIMEOUT_S):
                if is_form:
                    return await _of_form(request, limit)
                return await _plain(request, limit)
        except TimeoutError:
            raise Problem(
                408,
                "slow-body",
                "Request timeout",
                f"the picture did not arrive within {UPLOAD_TIMEOUT_S:g} s, or its "
                f"sender paused for {UPLOAD_PAUSE_S:g} s",
                headers={"connection": "close"},
            ) from None


async def _parts(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The parts of the body. Raises Problem 413, ClientDisconnected, TimeoutError."""
    size, more = 0, True
    while more:
        async with asyncio.timeout(UPLOAD_PAUSE_S):
            message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        part: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise _too_long(limit)
        yield part


async def _plain(request: Request, limit: int) -> BinaryIO:
    file = cast(BinaryIO, tempfile.TemporaryFile())
    try:
        async for part in _parts(request, limit):
            file.write(part)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


async def _of_form(request: Request, limit: int) -> BinaryIO:
    parser = MultiPartParser(
        request.headers,
        _parts(request, limit + FORM_BYTES),
        max_files=1,
        max_fields=20,
        max_part_size=FORM_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, FormParserError, KeyError, ValueError) as error:
        said = getattr(error, "message", "") or "it can't be read"
        raise Invalid("file", f"the form is malformed: {said}; {HOW}") from None
    given = form.get("file")
    if not isinstance(given, UploadFile):
        await form.close()
        raise Invalid("file", f"is missing: {HOW}")
    if (given.size or 0) > limit:
        await form.close()
        raise _too_long(limit)
    file = cast(tempfile.SpooledTemporaryFile[bytes], given.file)
    # The process that encodes the picture reads a real file.
    file.rollover()
    file.seek(0)
    return cast(BinaryIO, file)


def _too_long(limit: int) -> Problem:
    return Problem(
        413,
        "too-long",
        "Body too long",
        f"the picture is larger than {limit} bytes ({limit / 1_000_000:.1f} MB): make "
        "it smaller"
        if limit
        else "this server takes no pictures: link to one elsewhere",
        headers={"connection": "close"},
        limit=limit,
    )
