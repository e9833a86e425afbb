"""Addresses of uploaded pictures, which contain all facts about them. Pure.

    /media/<feed>/<id>-<width>x<height>.<jpg|png|webp>       the picture
    /media/<feed>/<id>-<width>x<height>.<jpg|png|webp>/480   a variant 480 pixels wide

Rules:
- An id is random, so that a picture can't be found by guessing. Its first letter names
  the widths that variants were made in (VARIANT_WIDTHS), so that the address alone
  tells them, without a look-up. A variant that would not be smaller is the picture
  itself.
- A file never changes under its address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

ID_LETTER = "a"
VARIANT_WIDTHS = (480, 960, 1440)
"""The widths of variants, for ids that begin with ID_LETTER; only those smaller than
the picture exist. A column of text is 680 pixels wide, 1,360 on most phones' and
laptops' displays.
"""
ID_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 17
"""The length of an id: a letter and 16 digits of 5 bits."""
VARIANT_TYPE = "image/webp"
TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
"""Media types by the suffix of a file."""

_ID = rf"{ID_LETTER}[{ID_DIGITS}]{{{ID_LENGTH - 1}}}"
_FILE = re.compile(
    rf"(?P<id>{_ID})-(?:[1-9]\d{{0,4}}x[1-9]\d{{0,4}}\.(?:jpg|png|webp)|[1-9]\d{{0,4}}\.webp)",
    re.ASCII,
)
_PICTURE = re.compile(
    rf"(?P<id>{_ID})-(?P<width>[1-9]\d{{0,4}})x(?P<height>[1-9]\d{{0,4}})"
    r"\.(?P<ending>jpg|png|webp)",
    re.ASCII,
)
_PATH = re.compile(rf"/media/(?P<feed>[a-z0-9-]{{1,80}})/(?P<name>{_ID}-[\w.]+)", re.A)
_UPLOADED = re.compile(rf"media/[^/]*/{_ID}-[^/]*$")
_IN_TEXT = re.compile(rb"/media/([a-z0-9-]{1,80})/(%b)-" % _ID.encode())


class FeedPicture(NamedTuple):
    """A picture, by the feed that it was uploaded to and its id."""

    feed: str
    id: str


class Variant(Struct, frozen=True):
    """One file of a picture, in one size."""

    url: str
    type: str
    width: int
    height: int


class UploadedPicture(NamedTuple):
    """A picture that was uploaded to a feed."""

    feed: str
    id: str
    width: int
    height: int
    ending: str
    """The suffix of its name, which decides its type."""

    @classmethod
    def of(cls, feed: str, name: str) -> UploadedPicture | None:
        """The picture of a file with this name; None if it is no picture's name."""
        match = _PICTURE.fullmatch(name)
        if match is None:
            return None
        width, height = int(match["width"]), int(match["height"])
        return cls(feed, match["id"], width, height, match["ending"])

    @classmethod
    def at(cls, url: str | None) -> UploadedPicture | None:
        """The picture at an address below the site's; None if it is not one."""
        match = _PATH.fullmatch(url or "")
        return None if match is None else cls.of(match["feed"], match["name"])

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.id}-{self.width}x{self.height}.{self.ending}"

    @property
    def type(self) -> str:
        """Its media type."""
        return TYPES[self.ending]

    @property
    def path(self) -> str:
        """Its path below the site's address."""
        return f"/media/{self.feed}/{self.name}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """All paths below the site's address at which it is served."""
        return (self.path, *(f"{self.path}/{width}" for width in VARIANT_WIDTHS))

    def file(self, width: int | None = None) -> str | None:
        """The name of the file that is served: of a variant, or of the picture."""
        if width is None or width in VARIANT_WIDTHS:
            is_smaller = width is not None and width < self.width
            return variant_name(self.id, width or 0) if is_smaller else self.name
        return None

    def variants(self, base: str = "") -> tuple[Variant, ...]:
        """Its files at the site `base`, smallest first; the last one is the picture."""
        smaller = (
            Variant(
                f"{base}{self.path}/{width}",
                VARIANT_TYPE,
                width,
                variant_height(self.width, self.height, width),
            )
            for width in variant_widths(self.width)
        )
        whole = Variant(f"{base}{self.path}", self.type, self.width, self.height)
        return (*smaller, whole)


def variant_name(picture: str, width: int) -> str:
    """The name of a variant's file."""
    return f"{picture}-{width}.webp"


def variant_widths(width: int) -> tuple[int, ...]:
    """The widths of the variants of a picture that is `width` wide."""
    return tuple(one for one in VARIANT_WIDTHS if one < width)


def variant_height(width: int, height: int, variant: int) -> int:
    """The height of a variant that is `variant` wide."""
    return max(1, round(height * variant / width))


def srcset(url: str) -> str:
    """The variants of a picture's address as an HTML srcset; "" for another address."""
    if _UPLOADED.search(url) is None:
        return ""
    return ",".join(f"{url}/{width} {width}w" for width in VARIANT_WIDTHS)


def smallest(url: str | None) -> str | None:
    """The address of a picture's smallest file, for one that is shown small."""
    if url is None or _UPLOADED.search(url) is None:
        return url
    return f"{url}/{VARIANT_WIDTHS[0]}"


def picture_of_file(name: str) -> str | None:
    """The id of the picture that a file belongs to; None if it is no file's name."""
    match = _FILE.fullmatch(name)
    return None if match is None else match["id"]


def pictures_in(texts: Iterable[bytes]) -> set[FeedPicture]:
    """The pictures whose addresses occur anywhere in the texts."""
    return {
        FeedPicture(slug.decode(), name.decode())
        for text in texts
        for slug, name in _IN_TEXT.findall(text)
    }
