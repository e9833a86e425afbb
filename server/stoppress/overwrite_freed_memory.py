"""Overwrites memory that this process has freed, so that no erased text is left in it.

Freed blocks keep their content until they are used again. Rules:
- Objects keep their content: free blocks are allocated, overwritten and freed again.
  Small ones come from the interpreter's arenas, larger ones from the C library.
- Lists and deques have room for more elements, which holds what was freed before it
  became theirs, for as long as they live. It is filled, and emptied again, in one call
  of C: no other thread runs meanwhile. The interpreter also keeps blocks of deques that
  ended: enough new ones use them all.
- The collector does not tell which objects it has frozen: `before_freeze` remembers the
  lists and deques among them.
- For the C library (glibc), blocks of every size that it keeps apart are allocated
  until its heap would grow: then no free block is left. Whole free pages are returned
  to the system first, and are zero when they come back: zero bytes are not written to,
  or the process would hold the pages of all that it ever freed.
- What is freed later is overwritten at once for a time (`overwrite_when_freed`), so
  that nothing takes its place with the text still in it: by the C library itself, but
  for blocks up to 1 KiB.
- Threads would have heaps of their own, which can't be reached from here: `one_heap`,
  at the start of the process, makes them share one.
- It takes about 0.3 s of CPU in short steps; it runs after a takedown.
- Room in buffers of other kinds that was never written to can't be reached until they
  are freed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Any

SMALL_BYTES = 512
"""The longest block that comes from the interpreter's arenas."""
ALIGNMENT = 16
BYTES_HEAD = 33
"""Bytes of a bytes object besides its content."""
OVERWRITTEN_PER_SIZE = 2 << 20
"""Bytes allocated of each small size: two of the interpreter's arenas."""
LARGE_SIZES = (
    *(size for n in range(16, 10, -1) for size in (1 << n, 3 << n - 2)),
    *range(1032, 8, -ALIGNMENT),
)
"""Sizes to allocate from the C library, largest first: below its threshold for separate
blocks (128 KiB), and each of the small sizes that it keeps apart."""
LINKS_BYTES = 64
"""Bytes at the beginning of a free block in which the C library keeps its links."""
CELLS_PER_BLOCK = 64
"""Elements in a block of a deque."""
KEPT_BLOCKS = 16
"""Blocks of ended deques that the interpreter keeps."""
CELL_BYTES = 8
UNREADABLE_BYTES = 16
"""Room in a list that is too short to hold a text."""
OBJECTS_PER_STEP = 5000
_LIST_BYTES = [].__sizeof__()
MAX_BLOCKS = 200_000
"""Blocks held at once, at most."""
_M_ARENA_MAX = -8
_M_PERTURB = -6
_FREED_BYTE = 0xFF
"""What freed blocks are filled with; new ones are filled with its complement."""
_ZEROS = bytes(1 << 16)
"""As long as the largest size."""
_FROZEN: list[list[Any] | deque[Any]] = []
_FILLING: list[asyncio.TimerHandle] = []
"""The end of `overwrite_when_freed`, while it lasts."""


def one_heap() -> None:
    """Make all threads share one heap of the C library."""
    library = _glibc()
    if library is not None:
        library.mallopt(_M_ARENA_MAX, 1)


def before_freeze() -> None:
    """Remember the lists and deques that are about to be frozen (`gc.freeze`)."""
    _FROZEN[:] = [one for one in gc.get_objects() if type(one) in (list, deque)]


def overwrite_when_freed(for_s: float) -> None:
    """Fill every block that is freed, for `for_s` seconds from the last call.

    It is a setting of the C library for the whole process.
    """
    library = _glibc()
    if library is None:
        return

    def end() -> None:
        _FILLING.clear()
        library.mallopt(_M_PERTURB, 0)

    for timer in _FILLING:
        timer.cancel()
    _FILLING[:] = [asyncio.get_running_loop().call_later(for_s, end)]
    library.mallopt(_M_PERTURB, _FREED_BYTE)


async def overwrite_freed_memory() -> None:
    """Overwrite freed memory, step by step."""
    gc.collect()
    for _ in chain(_room_steps(), _interpreter_steps()):
        await asyncio.sleep(0)
    library = _glibc()
    if library is None:
        return
    library.malloc_trim(0)
    blocks: list[int] = []
    try:
        for size in LARGE_SIZES:
            # It would fill new blocks too, and so take pages from the system for them.
            library.mallopt(_M_PERTURB, 0)
            _take_free_blocks(library, size, blocks)
            library.mallopt(_M_PERTURB, _FREED_BYTE if _FILLING else 0)
            await asyncio.sleep(0)
    finally:
        for block in blocks:
            library.free(block)
        library.malloc_trim(0)


def _room_steps() -> Iterator[None]:
    """Each step overwrites the room for more elements in some lists and deques."""
    kept: list[deque[None]] = [deque() for _ in range(KEPT_BLOCKS)]
    for block in kept:
        _fill_deque(block)
    del kept
    found = iter([*_FROZEN, *gc.get_objects()])
    while some := list(islice(found, OBJECTS_PER_STEP)):
        for one in some:
            if type(one) is list:
                _fill_list(one)
            elif type(one) is deque:
                _fill_deque(one)
        yield


def _fill_list(one: list[Any]) -> None:
    cells = (one.__sizeof__() - _LIST_BYTES) // CELL_BYTES - len(one)
    if cells * CELL_BYTES > UNREADABLE_BYTES:
        _call_each(
            map(list.append, repeat(one, cells), repeat(None)),
            map(list.pop, repeat(one, cells)),
        )


def _fill_deque(one: deque[Any]) -> None:
    if one.maxlen == 0:
        return
    if one.maxlen is not None:
        # More elements would push out its own: they are taken out and put back. Its
        # blocks take turns, so each is filled on the second time round.
        own = list(one)
        turns = 4 * (one.maxlen + CELLS_PER_BLOCK)
        _call_each(
            map(deque.pop, repeat(one, len(own))),
            map(deque.append, repeat(one, turns), repeat(None)),
            map(deque.pop, repeat(one, one.maxlen)),
            map(deque.append, repeat(one, len(own)), own),
        )
        return
    _call_each(
        map(deque.append, repeat(one, CELLS_PER_BLOCK), repeat(None)),
        map(deque.pop, repeat(one, CELLS_PER_BLOCK)),
        map(deque.appendleft, repeat(one, CELLS_PER_BLOCK), repeat(None)),
        map(deque.popleft, repeat(one, CELLS_PER_BLOCK)),
    )


def _call_each(*calls: Iterator[Any]) -> None:
    """Make all calls within one call of C, so that no other thread runs between."""
    deque(chain(*calls), maxlen=0)


def _interpreter_steps() -> Iterator[None]:
    """Each step allocates blocks of one size, all at once, and frees them."""
    for size in range(SMALL_BYTES, BYTES_HEAD + 1, -ALIGNMENT):
        content = size - BYTES_HEAD
        held = [bytes(content) for _ in range(OVERWRITTEN_PER_SIZE // size)]
        del held
        yield


def _take_free_blocks(library: Any, size: int, blocks: list[int]) -> None:
    """Take and overwrite free blocks of a size, until the heap would grow."""
    end = library.sbrk(0)
    while len(blocks) < MAX_BLOCKS:
        block = library.malloc(size)
        if not block:
            return
        if library.sbrk(0) != end:
            library.free(block)
            return
        ctypes.memset(block, 0, min(size, LINKS_BYTES))
        rest = size - LINKS_BYTES
        if rest > 0 and library.memcmp(block + LINKS_BYTES, _ZEROS, rest):
            ctypes.memset(block + LINKS_BYTES, 0, rest)
        blocks.append(block)


def _glibc() -> Any:
    """The C library, if it is glibc, whose heap is known here."""
    try:
        library = ctypes.CDLL(None)
        _ = library.gnu_get_libc_version, library.malloc_trim
    except (OSError, AttributeError):
        return None
    library.malloc.restype = library.sbrk.restype = ctypes.c_void_p
    library.malloc.argtypes = (ctypes.c_size_t,)
    library.sbrk.argtypes = (ctypes.c_ssize_t,)
    library.free.argtypes = (ctypes.c_void_p,)
    library.memcmp.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    library.malloc_trim.argtypes = (ctypes.c_size_t,)
    return library
