"""The program that encodes one picture and ends; its argument is the limit of pixels.

Its input is the picture; its output is a line of JSON and the bytes of the files.
Rules:
- It is a process of its own, so that the effects of a hostile file on a decoder end
  with it, and no part of a picture stays in a server's memory.
- The kernel limits memory, CPU time and output. The process has a lower priority than
  the hub.
"""

from __future__ import annotations

import os
import resource
import sys

import msgspec

from stoppress.domain.errors import UnfitPicture
from stoppress.media.picture_encoder_output import OUTPUT_BYTES
from stoppress.media.picture_encoding import encode

MEMORY_BYTES = 2 << 30
"""Limit of address space: some decoders reserve more than they use."""
CPU_S = 30
NICENESS = 10


def main(max_pixels: int) -> None:
    """Encode the picture on standard input."""
    os.nice(NICENESS)
    for limit, most in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, MEMORY_BYTES),
    ):
        try:
            resource.setrlimit(limit, (most, most))
        except (OSError, ValueError):
            continue  # the system has a lower one, or none of this kind
    out = sys.stdout.buffer
    try:
        picture, parts = encode(sys.stdin.buffer, max_pixels)
    except UnfitPicture as unfit:
        out.write(msgspec.json.encode({"reason": unfit.reason, "text": unfit.text}))
        return
    out.write(msgspec.json.encode(picture) + b"\n")
    for part in parts:
        out.write(part)


if __name__ == "__main__":
    main(int(sys.argv[1]))
