"""Pictures are encoded in processes: bounded, timed, beside the event loop."""

from __future__ import annotations

import asyncio
import io
import tempfile
from typing import BinaryIO, cast

import pytest

from stoppress.domain.errors import TooMany, UnfitPicture
from stoppress.media import run_encoder_processes
from stoppress.media.run_encoder_processes import (
    ENCODERS,
    WAITING_PICTURES,
    PictureEncoder,
)
from tests.made_pictures import encoded, no_pictures, photo


def a_file(data: bytes) -> BinaryIO:
    """An uploaded file."""
    file = cast(BinaryIO, tempfile.TemporaryFile())
    file.write(data)
    return file


@pytest.mark.asyncio
async def test_a_picture_comes_back_in_files() -> None:
    """In the order in which they are told; a refusal with its words."""
    encoder = PictureEncoder(64_000_000)
    with a_file(encoded(photo(600, 400), "JPEG")) as file:
        made, parts = await encoder.encode(file)
    assert [len(one) for one in parts] == [one.size for one in made.files]
    assert parts[0][:4] == b"RIFF" and parts[1][:2] == b"\xff\xd8"
    with a_file(no_pictures()["svg"][0]) as file:
        with pytest.raises(UnfitPicture, match="SVG"):
            await encoder.encode(file)
    encoder.close()


@pytest.mark.asyncio
async def test_excess_pictures_are_refused_with_a_time_to_retry() -> None:
    """The next picture is taken again."""
    encoder = PictureEncoder(64_000_000)
    encoder._run = lambda file: run_encoder_processes._result(  # type: ignore[method-assign]
        1, b"", file
    )
    encoder._count = ENCODERS + WAITING_PICTURES
    with pytest.raises(TooMany, match="pictures") as refused:
        await encoder.encode(io.BytesIO())
    assert refused.value.retry_after_s == run_encoder_processes.COME_BACK_S
    encoder._count -= 1
    with pytest.raises(UnfitPicture, match="limits of memory and time"):
        await encoder.encode(io.BytesIO())
    assert encoder._count == ENCODERS + WAITING_PICTURES - 1
    encoder.close()


@pytest.mark.asyncio
async def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the loop goes on meanwhile."""
    monkeypatch.setattr(run_encoder_processes, "PROGRAM", "http.server")
    monkeypatch.setattr(run_encoder_processes, "ENCODE_TIMEOUT_S", 0.3)
    encoder, turns = PictureEncoder(0), 0
    with a_file(b"") as file:
        task = asyncio.create_task(encoder.encode(file))
        while not task.done():
            await asyncio.sleep(0.01)
            turns += 1
    with pytest.raises(UnfitPicture):
        await task
    assert turns > 3 and not encoder._running
    encoder.close()


def test_an_answer_that_is_cut_is_no_picture() -> None:
    """A killed process has told nothing."""
    with pytest.raises(UnfitPicture, match="limits"):
        run_encoder_processes._result(-9, b"", io.BytesIO())
