"""Checks addresses, in every field and in every Markdown link. Pure.

Rules:
- Allowed are http and https, and a path of the feed's own site; in Markdown mailto and
  tel too.
- An address leads to the host that it shows: no name before the host
  (`https://bank.example@evil.example/`), no backslash, no control character, and no
  bidirectional control.
- A host in brackets is an IPv6 address, and a port a number up to 65535: programs that
  read an address raise errors at others.
- Stored data is not checked: an address that an earlier release accepted stays
  readable, and stays when the rest of its post is edited.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from ipaddress import IPv6Address

from msgspec import Struct
from msgspec.structs import astuple

_WEB = re.compile(r"https?://(?P<authority>[^/?#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(
    r"(?:\[(?P<ipv6>[^\[\]]*)\]|[^\[\]:]*)(?::(?P<port>[0-9]{0,5}))?"
)
MAX_PORT = 65_535
_ALLOWED = re.compile(r"(https?://|mailto:|tel:|/(?![/\\]))", re.IGNORECASE)
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_HIDDEN = re.compile("[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]")
_IN_HOST = re.compile(r"[@%\\/?#<>^|\s]")
_FIELDS = frozenset({"url", "image"})
"""Members that hold an address, if they are text."""


def address_fault(address: str) -> str | None:
    """Why the address may not be linked to; None if it may."""
    if not _ALLOWED.match(address):
        return "is invalid: use https://…, http://…, or a path that begins with one /"
    if "\\" in address:
        return "is invalid: it contains a backslash, which browsers read as /"
    if _HIDDEN.search(address):
        return "is invalid: it contains a control character"
    if _BIDI.search(address):
        return "is invalid: it contains a bidirectional control, which hides its host"
    web = _WEB.match(address)
    if web is None:
        return None
    authority = web["authority"]
    if "@" in authority:
        return "is invalid: remove what is before the @, as it hides the host"
    # A browser maps other forms of these characters to them.
    authority = unicodedata.normalize("NFKC", authority)
    if _IN_HOST.search(authority):
        return "is invalid: its host contains a character that no host has"
    if not authority.partition(":")[0]:
        return "is invalid: it has no host"
    return _host_or_port_fault(authority)


def _host_or_port_fault(authority: str) -> str | None:
    found = _HOST_AND_PORT.fullmatch(authority)
    if found is None:
        return "is invalid: its host or port is invalid"
    if int(found["port"] or 0) > MAX_PORT:
        return f"is invalid: its port is more than {MAX_PORT}"
    if found["ipv6"] is not None:
        try:
            IPv6Address(found["ipv6"])
        except ValueError:
            return "is invalid: a host in brackets has to be an IPv6 address"
    return None


def authority_of(address: str) -> str:
    """The host and port of a web address as it is written, checked or not; "" without.

    As the browser's scripts find it; `urlsplit` raises ValueError at some addresses.
    """
    web = _WEB.match(address)
    return "" if web is None else web["authority"]


def addresses_in(value: Struct, path: str = "") -> Iterator[tuple[str, str]]:
    """Each address in the value, with the path of its field."""
    for name, held in zip(value.__struct_fields__, astuple(value), strict=True):
        if isinstance(held, str):
            if name in _FIELDS:
                yield f"{path}.{name}" if path else name, held
            continue
        if not held:
            continue
        place = f"{path}.{name}" if path else name
        if isinstance(held, Struct):
            yield from addresses_in(held, place)
        elif isinstance(held, tuple):
            for index, item in enumerate(held):
                if isinstance(item, Struct):
                    yield from addresses_in(item, f"{place}[{index}]")
