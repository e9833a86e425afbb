"""Pixels are kept, everything else is not, and hostile files are refused in words."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageCms

from stoppress.domain.errors import UnfitPicture
from stoppress.media.picture_encoder_output import EncodedPicture
from stoppress.media.picture_encoding import LONGEST_SIDE, encode
from tests import made_pictures
from tests.made_pictures import NEEDLE, encoded, photo

LIMIT = 64_000_000


def run(data: bytes, limit: int = LIMIT) -> tuple[EncodedPicture, list[Image.Image]]:
    """What became of a file, opened; nothing of its metadata is in it."""
    reported, parts = encode(io.BytesIO(data), limit)
    pictures: list[Image.Image] = []
    for file, part in zip(reported.files, parts, strict=True):
        assert file.size == len(part)
        assert NEEDLE not in part
        assert b"script" not in part
        picture: Image.Image = Image.open(io.BytesIO(part))
        picture.load()
        assert not picture.getexif()
        assert not {"exif", "xmp", "icc_profile", "comment"} & picture.info.keys()
        pictures.append(picture)
    return reported, pictures


def nearly(picture: Image.Image, at: tuple[int, int], colour: tuple[int, ...]) -> bool:
    """Whether a pixel has this colour, about."""
    found = picture.convert("RGBA").getpixel(at)
    assert isinstance(found, tuple)
    return all(abs(a - b) <= 12 for a, b in zip(found, colour, strict=False))


@pytest.mark.parametrize("kind", sorted(made_pictures.with_metadata()))
def test_metadata_and_what_is_behind_a_picture_is_gone(kind: str) -> None:
    """EXIF with the place, ICC, XMP, comments, scripts, trailing bytes."""
    data = made_pictures.with_metadata()[kind]
    assert NEEDLE in data or kind in ("gif", "avif")
    reported, pictures = run(data)
    assert pictures[-1].size == (reported.width, reported.height)


def test_a_large_photograph_has_variants() -> None:
    """At most LONGEST_SIDE long; smaller ones as WebP."""
    reported, pictures = run(encoded(photo(4000, 3000), "JPEG"))
    assert (reported.width, reported.height) == (LONGEST_SIDE, 1920)
    assert [file.width for file in reported.files] == [480, 960, 1440, LONGEST_SIDE]
    assert [one.format for one in pictures] == ["WEBP", "WEBP", "WEBP", "JPEG"]
    assert pictures[0].size == (480, 360)


def test_a_picture_is_turned_upright() -> None:
    """The orientation of each kind is applied to the pixels."""
    plain = Image.new("RGB", (90, 60), "white")
    plain.paste((255, 0, 0), (0, 0, 30, 20))  # red at the top left
    corners = {
        **{1: (5, 5), 2: (85, 5), 3: (85, 55), 4: (5, 55)},
        **{5: (5, 5), 6: (55, 5), 7: (55, 85), 8: (5, 85)},
    }
    for orientation, corner in corners.items():
        exif = made_pictures.exif(orientation)
        data = encoded(plain, "JPEG", exif=exif, quality=95)
        reported, pictures = run(data)
        assert (reported.width > reported.height) == (orientation < 5)
        assert nearly(pictures[-1], corner, (255, 0, 0)), orientation


def test_sixteen_bits_become_eight() -> None:
    """A level of 40,000 of 65,535 is 156 of 255."""
    _, pictures = run(encoded(Image.new("I;16", (60, 40), 40_000), "PNG"))
    assert nearly(pictures[-1], (5, 5), (156, 156, 156))


def test_print_colours_become_screen_colours() -> None:
    """CMYK with and without a profile is shown in about the colour it has."""
    reported, pictures = run(
        encoded(Image.new("CMYK", (60, 40), (0, 255, 255, 0)), "JPEG")
    )
    assert pictures[-1].mode == "RGB" and reported.files[-1].ending == "jpg"
    red, green, blue = pictures[-1].getpixel((5, 5))  # type: ignore[misc]
    assert red > 200 and green < 60 and blue < 60


def test_another_profile_is_converted() -> None:
    """A profile whose red and green are swapped is applied."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    wrong = encoded(
        Image.new("RGB", (60, 40), (10, 200, 10)), "PNG", icc_profile=profile
    )
    _, pictures = run(wrong)  # it fits no RGB picture: it is left out
    assert nearly(pictures[-1], (5, 5), (10, 200, 10))
    garbage = encoded(Image.new("RGB", (60, 40), "red"), "PNG", icc_profile=b"x" * 200)
    _, pictures = run(garbage)
    assert nearly(pictures[-1], (5, 5), (255, 0, 0))


def test_transparency_stays() -> None:
    """Of RGBA, of a palette, of a transparent colour; not where nothing is."""
    half = Image.new("RGBA", (600, 40), (10, 20, 200, 100))
    for data in (
        encoded(half, "PNG"),
        encoded(half.quantize(4), "PNG"),
        encoded(half, "WEBP"),
        encoded(half.convert("LA"), "PNG"),
    ):
        reported, pictures = run(data)
        assert reported.files[-1].ending == "webp" and pictures[-1].mode == "RGBA"
        assert 90 <= pictures[0].getpixel((5, 5))[3] <= 110  # type: ignore[index]
    gif = Image.new("P", (60, 40), 0)
    _, pictures = run(encoded(gif, "GIF", transparency=0))
    assert pictures[-1].getpixel((5, 5))[3] == 0  # type: ignore[index]
    reported, _ = run(encoded(Image.new("RGBA", (60, 40), (1, 2, 3, 255)), "PNG"))
    assert reported.files[-1].ending != "webp"


def test_a_chart_stays_sharp() -> None:
    """PNG where that is smaller than JPEG, with variants without loss."""
    chart = Image.new("RGB", (800, 600), "white")
    for number in range(40):
        chart.paste(
            (180, 20, 30), (number * 20, 600 - number * 14, number * 20 + 9, 600)
        )
    reported, pictures = run(encoded(chart, "PNG"))
    assert reported.files[-1].ending == "png"
    assert pictures[-1].convert("RGB").getpixel((785, 300)) == (180, 20, 30)


def test_of_a_moving_picture_the_first_frame_is_kept() -> None:
    """And it is said."""
    reported, pictures = run(made_pictures.moving_gif())
    assert "first frame" in reported.note
    assert nearly(pictures[-1], (5, 5), (255, 0, 0))
    assert not run(encoded(photo(60, 40), "PNG"))[0].note


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGBA"])
def test_every_mode_of_pixels_is_taken(mode: str) -> None:
    """Also those that few programs write."""
    kind = "JPEG" if mode == "CMYK" else "PNG"
    data = encoded(photo(60, 40).convert(mode), kind)
    reported, _ = run(data)
    assert (reported.width, reported.height) == (60, 40)


def test_thin_pictures_are_taken() -> None:
    """One pixel high, however long."""
    reported, _ = run(encoded(Image.new("RGB", (20_000, 1), "red"), "PNG"))
    assert (reported.width, reported.height) == (LONGEST_SIDE, 1)


@pytest.mark.parametrize("kind", sorted(made_pictures.no_pictures()))
def test_other_files_are_refused_by_name(kind: str) -> None:
    """By name, with what to do."""
    data, word = made_pictures.no_pictures()[kind]
    with pytest.raises(UnfitPicture, match=word) as refused:
        encode(io.BytesIO(data), LIMIT)
    assert refused.value.reason == "kind"


@pytest.mark.parametrize("kind", sorted(made_pictures.broken_pictures()))
def test_a_broken_picture_is_refused(kind: str) -> None:
    """It is not half shown."""
    with pytest.raises(UnfitPicture, match="damaged") as refused:
        encode(io.BytesIO(made_pictures.broken_pictures()[kind]), LIMIT)
    assert refused.value.reason == "broken"
    with pytest.raises(UnfitPicture, match="empty"):
        encode(io.BytesIO(b""), LIMIT)


def test_too_many_pixels_are_refused_unread() -> None:
    """With both numbers."""
    wanted = "400 × 300 pixels; the limit is 100000"
    with pytest.raises(UnfitPicture, match=wanted) as refused:
        encode(io.BytesIO(encoded(photo(400, 300), "PNG")), 100_000)
    assert refused.value.reason == "pixels"
