"""Runs the processes that encode pictures, a few at a time, beside the event loop.

Rules:
- One process per picture (`encoder_process.py`). At most ENCODERS run and
  WAITING_PICTURES wait; further ones are refused, with a time to retry. A thread starts
  each and waits for it, because forking a large process would block the event loop.
- Input and output are files without a name, so that waiting pictures need no memory.
- A process is killed after ENCODE_TIMEOUT_S.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, NamedTuple

import msgspec

from stoppress.domain.errors import TooMany, UnfitPicture, UnfitReason
from stoppress.media.picture_encoder_output import OUTPUT_BYTES, EncodedPicture
from stoppress.metric_instruments import NO_METER, Meter

ENCODERS = 2
"""Concurrent processes per server process: each takes a core and up to 0.7 GB."""
WAITING_PICTURES = 16
"""Pictures that wait for a process, per server process."""
COME_BACK_S = 10
"""The time to retry when all places are taken; a picture takes a second or two."""
ENCODE_TIMEOUT_S = 60.0
"""Timeout of a process: it may use 30 s of CPU, on a busy machine."""
PROGRAM = "stoppress.media.encoder_process"

log = logging.getLogger(__name__)


class PictureMetrics:
    """The metrics of uploaded pictures."""

    def __init__(self, meter: Meter = NO_METER) -> None:
        self.encoded = meter.counters(
            "stoppress_pictures",
            "Uploaded pictures, by outcome.",
            "outcome",
            ("kept", "kind", "broken", "pixels", "busy", "failed"),
        )
        self.removed = meter.counter(
            "stoppress_pictures_removed", "Pictures whose files were removed."
        )


class EncodedFiles(NamedTuple):
    """The description of an encoded picture, and the bytes of its files."""

    picture: EncodedPicture
    parts: tuple[bytes, ...]


class _Refusal(msgspec.Struct):
    reason: UnfitReason
    text: str


_refusal = msgspec.json.Decoder(_Refusal)
_encoded = msgspec.json.Decoder(EncodedPicture)


class PictureEncoder:
    """Encodes pictures of at most `max_pixels`."""

    def __init__(self, max_pixels: int, metrics: PictureMetrics | None = None) -> None:
        self._max_pixels = max_pixels
        self._metrics = metrics or PictureMetrics()
        self._threads = ThreadPoolExecutor(ENCODERS, "pictures")
        self._running: set[subprocess.Popen[bytes]] = set()
        self._count = 0

    async def encode(self, file: BinaryIO) -> EncodedFiles:
        """The picture in `file`, encoded anew. Raises UnfitPicture, TooMany."""
        outcomes = self._metrics.encoded
        if self._count >= ENCODERS + WAITING_PICTURES:
            outcomes["busy"].add()
            raise TooMany("pictures are being encoded", COME_BACK_S)
        self._count += 1
        loop = asyncio.get_running_loop()
        try:
            made = await loop.run_in_executor(self._threads, self._run, file)
        except UnfitPicture as unfit:
            outcomes[unfit.reason].add()
            raise
        finally:
            self._count -= 1
        outcomes["kept"].add()
        return made

    def close(self) -> None:
        """Kill running processes, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in list(self._running):
            process.kill()

    def _run(self, file: BinaryIO) -> EncodedFiles:
        """In a thread: run the process and wait for it."""
        file.seek(0)
        with tempfile.TemporaryFile() as out:
            # -I: Python loads nothing from the environment or the folder.
            process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-I", "-m", PROGRAM, str(self._max_pixels)],
                stdin=file,
                stdout=out,
                stderr=subprocess.DEVNULL,
                env={},
            )
            self._running.add(process)
            try:
                status = process.wait(ENCODE_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            finally:
                self._running.discard(process)
            out.seek(0)
            return _result(status, out.readline(OUTPUT_BYTES), out)


def _result(status: int, reported: bytes, rest: BinaryIO) -> EncodedFiles:
    """The output of a process. Raises UnfitPicture."""
    if status == 0 and reported.endswith(b"\n"):
        picture = _encoded.decode(reported)
        return EncodedFiles(
            picture, tuple(rest.read(file.size) for file in picture.files)
        )
    if status == 0:
        refusal = _refusal.decode(reported)
        raise UnfitPicture(refusal.reason, refusal.text)
    log.warning("the process that encodes a picture ended with status %s", status)
    raise UnfitPicture(
        "broken",
        "the picture could not be read within the limits of memory and time: open it "
        "in a program for pictures, save it smaller and upload that",
    )
