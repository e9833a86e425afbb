"""Encodes a picture anew: only its pixels are kept.

Runs in a process of its own (`encoder_process.py`), as hostile files attack picture
decoders. Rules:
- The first bytes of a file decide its type; its name and declared type are ignored.
- Its size is read, and checked, before it is decoded.
- Pixels are turned upright, converted to sRGB with 8 bits, and copied into a new
  picture: no EXIF, GPS, ICC, XMP, comment, thumbnail or trailing byte is copied.
- Of an animated picture the first frame is kept.
- A picture without transparency becomes JPEG, or PNG if that is smaller (charts); one
  with transparency becomes WebP. Variants are WebP, lossless if the picture is.
"""

from __future__ import annotations

import io
import warnings
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.Image import Resampling, Transpose

from stoppress.domain.errors import UnfitPicture
from stoppress.domain.picture_address import variant_height, variant_widths
from stoppress.media.picture_encoder_output import EncodedFile, EncodedPicture

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
LONGEST_SIDE = 2560
"""Limit of the longest side, in pixels: it fits a display of 1440 lines."""
JPEG_QUALITY = 82
WEBP_QUALITY = 78
"""About what JPEG's 82 looks like."""
GRAPHICS = ("PNG", "GIF")
"""Formats of charts and screenshots, which may be smaller without loss."""
ORIENTATION = 0x0112
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""The operations that turn a picture upright, by its EXIF orientation."""

WRONG_KINDS = (
    (b"%pdf", "a PDF: make a picture of the page, such as a PNG"),
    (b"ftypheic", "HEIC: save it as JPEG (on an iPhone: Camera, Formats, Compatible)"),
    (b"ftypheix", "HEIC: save it as JPEG (on an iPhone: Camera, Formats, Compatible)"),
    (b"ftypmif1", "HEIF: save it as JPEG"),
    (b"ftypisom", "a video: link or embed it instead"),
    (b"ftypmp4", "a video: link or embed it instead"),
    (b"ftypqt", "a video: link or embed it instead"),
    (b"\x1a\x45\xdf\xa3", "a video: link or embed it instead"),
    (b"ii*\0", "TIFF: save it as PNG"),
    (b"mm\0*", "TIFF: save it as PNG"),
    (b"bm", "BMP: save it as PNG"),
)
"""The first bytes of other files (in lower case), and what to do with them."""
KIND_BYTES = 1024
"""Bytes of a file that are read to find its type."""


class _Form(NamedTuple):
    """One way to encode a picture."""

    ending: str
    data: bytes


def encode(file: BinaryIO, max_pixels: int) -> tuple[EncodedPicture, list[bytes]]:
    """The picture encoded anew, and the bytes of its files. Raises UnfitPicture."""
    picture, kind, note = _opened(file, max_pixels)
    try:
        upright = _upright(picture)
        clean = _clean(upright)
    except MemoryError:
        raise UnfitPicture(
            "pixels", "it needs too much memory: make it smaller"
        ) from None
    except Exception as error:  # decoders raise anything
        raise _broken(error) from None
    whole = _smallest(clean, is_graphic=kind in GRAPHICS)
    is_lossless = whole.ending == "png" or _is_lossless(whole.data)
    files: list[EncodedFile] = []
    parts: list[bytes] = []
    for width in variant_widths(clean.width):
        height = variant_height(clean.width, clean.height, width)
        part = _webp(clean.resize((width, height), Resampling.LANCZOS), is_lossless)
        files.append(EncodedFile(width, "webp", len(part)))
        parts.append(part)
    files.append(EncodedFile(clean.width, whole.ending, len(whole.data)))
    parts.append(whole.data)
    return EncodedPicture(clean.width, clean.height, tuple(files), note), parts


def _opened(file: BinaryIO, max_pixels: int) -> tuple[Image.Image, str, str]:
    """The picture, not decoded yet, its format, and a note. Raises UnfitPicture."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # sizes are checked here, with their numbers
    _check_kind(file.read(KIND_BYTES))
    file.seek(0)
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise UnfitPicture(
            "kind", "this is not a picture: use JPEG, PNG, WebP, GIF or AVIF"
        ) from None
    except Exception as error:  # decoders raise anything
        raise _broken(error) from None
    width, height = picture.size
    if width * height > max_pixels:
        raise UnfitPicture(
            "pixels",
            f"the picture has {width} × {height} pixels; the limit is {max_pixels}: "
            "make it smaller",
        )
    # Anything that a decoder finds later inside is bounded too.
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        moves = bool(getattr(picture, "is_animated", False)) and picture.format != "MPO"
        picture.seek(0)
    except Exception as error:  # decoders raise anything
        raise _broken(error) from None
    note = "of an animated picture the first frame is kept" if moves else ""
    return picture, picture.format or "", note


def _check_kind(start: bytes) -> None:
    """Refuse a file of a known, unsupported type. Raises UnfitPicture."""
    if not start:
        raise UnfitPicture("broken", "the file is empty")
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and (
        b"<svg" in head or b"<!doctype svg" in head
    ):
        raise UnfitPicture(
            "kind",
            "SVG is not supported, as it may contain scripts: export it as PNG",
        )
    for mark, reported in WRONG_KINDS:
        if head.startswith(mark) or (mark[:4] == b"ftyp" and head[4:].startswith(mark)):
            raise UnfitPicture("kind", f"this is {reported}")


def _broken(error: Exception) -> UnfitPicture:
    if isinstance(error, MemoryError | Image.DecompressionBombError):
        return UnfitPicture("pixels", "it needs too much memory: make it smaller")
    return UnfitPicture(
        "broken",
        "the picture is damaged or not complete: open it in a program for pictures, "
        "save it again and upload that",
    )


def _upright(picture: Image.Image) -> Image.Image:
    """The picture turned upright, with at most LONGEST_SIDE pixels per side."""
    # A JPEG of a large camera is decoded at half its size. Everything is read first, as
    # the search for EXIF would hide errors in the rest.
    picture.draft(None, (2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
    picture.load()
    try:
        turn = TURNS.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF is no damaged picture
        turn = None
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I")
    if picture.mode in ("I", "F"):
        icc = picture.info.get("icc_profile")
        picture = picture.point(lambda level: level * (1 / 256)).convert("L")
        picture.info = {"icc_profile": icc} if icc else {}
    elif picture.mode in ("P", "PA", "1"):
        has_alpha = "transparency" in picture.info or picture.mode == "PA"
        picture = picture.convert("RGBA" if has_alpha else "RGB")
    elif picture.mode in ("L", "RGB") and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Resampling.LANCZOS)
    if turn is None:
        return picture
    turned = picture.transpose(turn)
    turned.info = picture.info
    return turned


def _clean(picture: Image.Image) -> Image.Image:
    """Only the pixels, in sRGB, as RGB, or as RGBA if any is transparent."""
    alpha = None
    if picture.mode in ("RGBA", "LA", "La", "RGBa"):
        if picture.mode in ("La", "RGBa"):
            picture = picture.convert("RGBA" if picture.mode == "RGBa" else "LA")
        alpha = picture.getchannel("A")
        if alpha.getextrema() == (255, 255):
            alpha = None
        icc = picture.info.get("icc_profile")
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
        picture.info = {"icc_profile": icc} if icc else {}
    pixels = _in_srgb(picture)
    clean = Image.new("RGB", pixels.size)
    clean.paste(pixels)
    if alpha is not None:
        clean.putalpha(alpha)
    return clean


def _in_srgb(picture: Image.Image) -> Image.Image:
    icc = picture.info.get("icc_profile")
    if icc and picture.mode in ("RGB", "L", "CMYK"):
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(
                picture, profile, srgb, outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None  # a profile that does not fit says nothing
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _smallest(clean: Image.Image, *, is_graphic: bool) -> _Form:
    """The picture in the smallest suitable form."""
    if clean.mode == "RGBA":
        with_loss = _Form("webp", _webp(clean, False))
        if not is_graphic:
            return with_loss
        return min(_Form("webp", _webp(clean, True)), with_loss, key=_size)
    jpeg = _Form("jpg", _jpeg(clean))
    if not is_graphic:
        return jpeg
    return min(_Form("png", _png(clean)), jpeg, key=_size)


def _size(form: _Form) -> int:
    return len(form.data)


def _is_lossless(data: bytes) -> bool:
    """Whether a WebP is lossless: its first chunk of pixels is VP8L."""
    return data[:4] == b"RIFF" and b"VP8L" in data[12:64]


def _jpeg(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return data.getvalue()


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    colours = picture.getcolors(256)
    if colours is not None:
        picture = picture.quantize(len(colours), dither=Image.Dither.NONE)
    picture.save(data, "PNG", optimize=colours is not None)
    return data.getvalue()


def _webp(picture: Image.Image, is_lossless: bool) -> bytes:
    data = io.BytesIO()
    picture.save(
        data, "WEBP", quality=WEBP_QUALITY, lossless=is_lossless, method=4, exact=False
    )
    return data.getvalue()
