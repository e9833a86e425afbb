"""What a process tells is what a server reads."""

from __future__ import annotations

import msgspec

from stoppress.media.picture_encoder_output import EncodedFile, EncodedPicture


def test_the_description_of_a_picture_is_one_line() -> None:
    """Whatever is in it: the files follow on the next one."""
    files = (EncodedFile(480, "webp", 9), EncodedFile(600, "jpg", 12))
    made = EncodedPicture(600, 400, files, "a\nnote")
    line = msgspec.json.encode(made)
    assert b"\n" not in line
    assert msgspec.json.decode(line, type=EncodedPicture) == made
