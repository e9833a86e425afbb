"""Uploads are idempotent; a takedown removes what nothing else uses."""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest

from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.upload_and_take_down_pictures import NoPictures, PictureDesk
from stoppress.domain.errors import Damaged, IdempotencyKeyReused, Unavailable
from stoppress.domain.picture_address import FeedPicture
from tests.memory_pictures import Library, Records

pytestmark = pytest.mark.asyncio
ME = Requester("me")
KEYED = Requester("me", "k")


def a_file(data: bytes = b"x") -> BinaryIO:
    """An uploaded file."""
    return io.BytesIO(data)


async def test_an_upload_is_shown_with_its_variants() -> None:
    """At the site's address."""
    desk = PictureDesk(Records(), Library())
    made = (await desk.upload("quay", a_file(), ME)).shown("https://x.example")
    assert made.url == "https://x.example/media/quay/a0000000000000000-1200x800.jpg"
    assert [one.width for one in made.variants] == [480, 960, 1200]
    assert (made.type, made.note) == ("image/jpeg", "a note")
    assert await desk.file("quay", "x") == b"x"


async def test_a_repeated_upload_stores_nothing() -> None:
    """The key names the file: another one is refused."""
    library, records = Library(), Records()
    desk = PictureDesk(records, library)
    first = await desk.upload("quay", a_file(), KEYED)
    again = await desk.upload("quay", a_file(), KEYED)
    assert again.repeated and again.picture == first.picture and len(library.made) == 1
    with pytest.raises(IdempotencyKeyReused):
        await desk.upload("quay", a_file(b"y"), KEYED)


async def test_of_two_at_once_the_first_noted_counts() -> None:
    """The files of the other are removed."""
    library, records = Library(), Records()
    records.earlier = "a9999999999999999-40x30.png"
    made = await PictureDesk(records, library).upload("quay", a_file(), KEYED)
    assert made.repeated and made.picture.id == "a9999999999999999"
    assert library.removed == ["a0000000000000000"]
    records.earlier = "damaged"
    with pytest.raises(Unavailable, match="damaged"):
        await PictureDesk(records, library).upload("quay", a_file(), KEYED)


async def test_a_picture_that_another_post_uses_is_kept() -> None:
    """The receipt says which, and why."""
    library = Library()
    for _ in range(2):
        await library.add("quay", a_file())
    first, second = library.made
    desk = PictureDesk(Records(frozenset({second.id})), library)
    bodies = [f'"{first.path}" {second.path}/480'.encode()]
    removed, kept = await desk.remove_from("quay", "p", bodies, "now")
    assert (removed.id, removed.at, removed.kept) == (first.id, "now", "")
    assert removed.addresses == first.addresses
    assert (kept.id, kept.at, kept.kept) == (second.id, None, "another post uses it")
    assert await desk.remove_from("quay", "p", [b"none"], "now") == ()


async def test_a_picture_that_is_used_elsewhere_is_kept() -> None:
    """By the feed itself, another feed, a template; or if that can't be found out."""
    library = Library()
    await library.add("quay", a_file())
    (picture,) = library.made
    bodies = [picture.path.encode()]
    used = frozenset({FeedPicture("quay", picture.id)})
    for elsewhere, why in (
        (used, "the feed itself, another feed, a template or a setting uses it"),
        (Damaged("pier", "x"), "another feed can't be read now, and may use it"),
    ):
        desk = PictureDesk(Records(elsewhere=elsewhere), library)
        (kept,) = await desk.remove_from("quay", "p", bodies, "now")
        assert (kept.id, kept.at, kept.kept) == (picture.id, None, why)
    desk = PictureDesk(Records(elsewhere=Unavailable("away")), library)
    with pytest.raises(Unavailable, match="away"):
        await desk.remove_from("quay", "p", bodies, "now")
    assert library.removed == []


async def test_a_picture_of_another_feed_is_kept() -> None:
    """The receipt says where it belongs, whether or not that feed uses it."""
    library = Library()
    await library.add("pier", a_file())
    (picture,) = library.made
    bodies = [picture.path.encode()]
    desk = PictureDesk(Records(), library)
    (kept,) = await desk.remove_from("quay", "p", bodies, "now")
    assert (kept.id, kept.kept) == (picture.id, "it belongs to the feed 'pier'")
    assert library.removed == []


async def test_a_deleted_feed_is_told_to_all() -> None:
    """If it had any pictures."""
    reported: list[str] = []

    async def announce(feed: str) -> None:
        reported.append(feed)

    await PictureDesk(Records(), Library(), announce).remove_feed("quay")
    await PictureDesk(Records(), NoPictures(), announce).remove_feed("pier")
    assert reported == ["quay"]


async def test_a_server_may_keep_no_pictures() -> None:
    """It says so."""
    desk = PictureDesk(None, NoPictures())
    for requester in (ME, KEYED):
        with pytest.raises(Unavailable, match="keeps no pictures"):
            await desk.upload("quay", a_file(), requester)
    assert await desk.file("quay", "x") is None
    assert await NoPictures().remove("quay", ["a"]) == []
    assert await desk.remove_from("quay", "p", [b"/media/quay/a0-"], "now") == ()
