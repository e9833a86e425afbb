"""Pictures and files that pretend to be some, made when a test asks for them."""

from __future__ import annotations

import io
import random
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

PLACE = (52.0, 31.0, 12.25)
"""Where the camera was: must be in no answer."""
NEEDLE = b"Wilhelmina-Quarterdeck-9"
"""Stands in every kind of metadata."""


def photo(width: int = 1200, height: int = 800, seed: int = 1) -> Image.Image:
    """A picture that compresses like a photograph: gradients and some noise."""
    small = Image.frombytes("RGB", (24, 16), random.Random(seed).randbytes(24 * 16 * 3))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file."""
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    """EXIF as a phone writes it: place, camera, owner, a thumbnail's tags."""
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010F] = NEEDLE.decode()
    made[0x8298] = NEEDLE.decode()
    made.get_ifd(0x8825).update({1: "N", 2: PLACE, 3: "E", 4: PLACE})
    return made


def jpeg_with_metadata(orientation: int = 1, width: int = 900) -> bytes:
    """A JPEG with EXIF, GPS, XMP, an ICC profile and a comment."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = photo(width, width * 2 // 3)
    return encoded(
        picture,
        "JPEG",
        exif=exif(orientation),
        icc_profile=profile,
        comment=NEEDLE,
        xmp=b"<x:xmpmeta>" + NEEDLE + b"</x:xmpmeta>",
    )


def png_with_metadata() -> bytes:
    """A PNG with texts, EXIF and an ICC profile."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", NEEDLE.decode())
    text.add_itxt("XML:com.adobe.xmp", NEEDLE.decode())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = photo(700, 500)
    return encoded(picture, "PNG", pnginfo=text, exif=exif(), icc_profile=profile)


def webp_with_metadata() -> bytes:
    """A WebP with EXIF and XMP."""
    return encoded(photo(700, 500), "WEBP", exif=exif().tobytes(), xmp=NEEDLE)


@cache
def with_metadata() -> dict[str, bytes]:
    """Files of each kind, with all the metadata that it can have."""
    return {
        "jpeg": jpeg_with_metadata(),
        "turned": jpeg_with_metadata(6),
        "png": png_with_metadata(),
        "webp": webp_with_metadata(),
        "avif": encoded(photo(700, 500), "AVIF", exif=exif().tobytes()),
        "gif": encoded(photo(300, 200).quantize(64), "GIF", comment=NEEDLE),
        "gif with a script": gif_with_script(),
        "png with a page": png_with_page(),
        "jpeg with an archive": jpeg_with_metadata() + b"PK\x03\x04" + NEEDLE,
    }


def gif_with_script() -> bytes:
    """A GIF that is JavaScript as well."""
    gif = encoded(photo(300, 200).quantize(16), "GIF", comment=b"*/=1;alert(1);//")
    return (
        gif + b";/*" + NEEDLE + b"*/alert(document.domain)//<script>alert(1)</script>"
    )


def png_with_page() -> bytes:
    """A PNG with a page in a text, and behind its end."""
    text = PngImagePlugin.PngInfo()
    text.add_text("x", "<script>alert(1)</script>" + NEEDLE.decode())
    page = b"<!doctype html><script>alert(1)</script>" + NEEDLE
    return encoded(photo(300, 200), "PNG", pnginfo=text) + page


@cache
def bomb(side: int = 30_000) -> bytes:
    """A PNG of `side` × `side` pixels, all there, in about 110 KB."""
    row = b"\0" + b"\0" * ((side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )


def png_with_wrong_size() -> bytes:
    """A PNG whose head says 65,000 × 900 and which has no pixels."""
    head = struct.pack(">IIBBBBB", 65_000, 900, 8, 6, 0, 0, 0)
    data = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b""))
    return b"\x89PNG\r\n\x1a\n" + data + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    sum_of = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + sum_of


def moving_gif(frames: int = 12) -> bytes:
    """A GIF whose first frame is red."""
    colours = ["red", *["blue"] * (frames - 1)]
    pictures = [Image.new("RGB", (120, 80), colour) for colour in colours]
    return encoded(
        pictures[0], "GIF", save_all=True, append_images=pictures[1:], duration=50
    )


@cache
def no_pictures() -> dict[str, tuple[bytes, str]]:
    """Files that are no pictures: what they are, and a word of what is said of them."""
    return {
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "SVG"),
        "svg with a head": (
            b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<svg><script/></svg>',
            "SVG",
        ),
        "page": (b"<!doctype html><script>alert(1)</script>", "not a picture"),
        "text": (b"not a picture at all", "not a picture"),
        "pdf": (b"%PDF-1.7\n1 0 obj", "PDF"),
        "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        "video": (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41", "video"),
        "tiff": (encoded(photo(60, 40), "TIFF"), "TIFF"),
        "bmp": (encoded(photo(60, 40), "BMP"), "BMP"),
        "zip": (b"PK\x03\x04" + b"\0" * 60, "not a picture"),
    }


@cache
def broken_pictures() -> dict[str, bytes]:
    """Pictures that can't be read to their end."""
    jpeg = encoded(photo(900, 600), "JPEG")
    png = encoded(photo(300, 200), "PNG")
    return {
        "cut jpeg": jpeg[: len(jpeg) // 2],
        "cut png": png[: len(png) // 2],
        "head alone": jpeg[:200],
        "damaged png": png[:200] + b"\xff" * 400 + png[600:],
        "wrong size": png_with_wrong_size(),
    }
