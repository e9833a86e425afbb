"""What an address of an uploaded picture tells, and what is none."""

from __future__ import annotations

import pytest

from stoppress.domain.picture_address import (
    UploadedPicture,
    picture_of_file,
    pictures_in,
    smallest,
    srcset,
    variant_height,
    variant_name,
)

ID = "a0123456789abcdef"
NAME = f"{ID}-1200x800.jpg"
PATH = f"/media/quay/{NAME}"


def test_an_address_tells_the_size() -> None:
    """Of what was made there, and nothing of other addresses."""
    picture = UploadedPicture.at(PATH)
    assert picture == ("quay", ID, 1200, 800, "jpg")
    assert picture.path == PATH and picture.type == "image/jpeg"
    for url in (
        *(None, "", f"https://a.example{PATH}", f"{PATH}/480"),
        *(f"{PATH}?x", f"{PATH}\n"),
        *(PATH.replace(ID, "b" + ID[1:]), PATH.replace("jpg", "svg")),
        *(PATH.replace("quay", "../x"), PATH.replace("1200", "0")),
    ):
        assert UploadedPicture.at(url) is None, url


def test_variants_are_those_that_are_smaller() -> None:
    """The last one is the picture."""
    picture = UploadedPicture("quay", ID, 1200, 800, "jpg")
    made = picture.variants("https://x.example")
    assert [(one.width, one.height) for one in made] == [
        *((480, 320), (960, 640), (1200, 800))
    ]
    assert made[0].url == f"https://x.example{PATH}/480"
    assert made[0].type == "image/webp" and made[-1].type == "image/jpeg"
    small = UploadedPicture("quay", ID, 300, 1, "png").variants()
    assert [one.url for one in small] == [f"/media/quay/{ID}-300x1.png"]
    assert variant_height(2560, 1, 480) == 1


def test_a_variant_that_would_not_be_smaller_is_the_picture() -> None:
    """Other widths are none."""
    picture = UploadedPicture("quay", ID, 1200, 800, "jpg")
    assert picture.file() == picture.file(1440) == NAME
    assert picture.file(960) == variant_name(ID, 960) == f"{ID}-960.webp"
    assert picture.file(481) is None
    assert picture.addresses == (PATH, f"{PATH}/480", f"{PATH}/960", f"{PATH}/1440")


@pytest.mark.parametrize("base", ["", "https://x.example/live"])
def test_html_names_the_variants(base: str) -> None:
    """Wherever the site is; of other pictures there are none."""
    url = base + PATH
    assert srcset(url) == f"{url}/480 480w,{url}/960 960w,{url}/1440 1440w"
    assert smallest(url) == f"{url}/480"
    assert srcset("https://a.example/media/x/7.jpg") == ""
    assert smallest("https://a.example/p.jpg") == "https://a.example/p.jpg"
    assert smallest(None) is None


def test_files_and_texts_tell_their_picture() -> None:
    """By the whole name of a file; anywhere in a text."""
    assert picture_of_file(NAME) == picture_of_file(f"{ID}-480.webp") == ID
    for name in ("", ID, f"{ID}-480.jpg", f"x{NAME}", f"{NAME}/..", f"{ID}-0.webp"):
        assert picture_of_file(name) is None
    texts = [f'{{"url":"{PATH}"}}'.encode(), PATH.replace("quay", "other").encode()]
    assert pictures_in(texts) == {("quay", ID), ("other", ID)}
    assert pictures_in([b"/media/quay/", ID.encode()]) == set()
