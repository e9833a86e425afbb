"""The output of the process that encodes a picture: one line of JSON, then the files.

It is a separate module so that a server does not load picture decoders.
"""

from __future__ import annotations

from msgspec import Struct

OUTPUT_BYTES = 64 << 20
"""Limit of the files of one picture, in bytes."""


class EncodedFile(Struct, frozen=True):
    """One file of the picture; its bytes follow."""

    width: int
    ending: str
    size: int


class EncodedPicture(Struct, frozen=True):
    """A picture encoded anew: the picture itself is the last of its files."""

    width: int
    height: int
    files: tuple[EncodedFile, ...]
    note: str = ""
    """A note for the editor about omitted content."""
