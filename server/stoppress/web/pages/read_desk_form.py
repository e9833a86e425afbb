"""Reads the fields of a form that a page of the desk sends."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request

from stoppress.web.request_parsing import body

MAX_FORM_BYTES = 12 << 10
"""Limit of a form, in bytes: a JWT may have 8 KiB, a token has 35 characters."""


async def form_fields(request: Request) -> dict[str, str]:
    """Each field's first value; an empty field is left out. Raises Problem 413."""
    raw = await body(request, MAX_FORM_BYTES)
    fields = parse_qs(raw.decode("utf-8", "replace"))
    return {name: values[0] for name, values in fields.items()}
