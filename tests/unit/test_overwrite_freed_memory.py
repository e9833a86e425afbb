"""What was freed is overwritten; what is in use stays as it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stoppress.overwrite_freed_memory import MAX_BLOCKS

_FREED = """
import asyncio, os, sys
from stoppress.overwrite_freed_memory import one_heap, overwrite_freed_memory
from tests.contract.server.process_memory import times_held

def needle(number):
    # Made anew, so that no constant holds it.
    return b"-".join((b"needle", str(number).encode(), b"in", b"the", b"hay"))

one_heap()
for size in map(int, sys.argv[1:]):
    text = needle(size)
    kept = [bytes([n % 256]) * size for n in range(200)]
    freed = [bytearray(text.ljust(size, b".")) for _ in range(300)]
    before = times_held(os.getpid(), text)
    del freed
    asyncio.run(overwrite_freed_memory())
    are_whole = all(block == bytes([n % 256]) * size for n, block in enumerate(kept))
    print(size, before, times_held(os.getpid(), text), are_whole)
"""
"""In a process of its own: reading the memory of a test worker takes seconds."""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_text_is_overwritten_and_the_rest_is_not() -> None:
    """Of every size, from either allocator."""
    sizes = ["60", "200", "700", "5000", "60000"]
    ran = subprocess.run(
        [sys.executable, "-c", _FREED, *sizes],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert [row[0] for row in rows] == sizes
    for size, before, after, are_whole in rows:
        assert int(before) >= 300, size
        # The script holds one, and what reads the memory may hold it in passing.
        assert int(after) < 10, size
        assert are_whole == "True", size


_ROOM = """
import asyncio, gc, os, sys
from collections import deque
from stoppress.overwrite_freed_memory import (
    before_freeze, one_heap, overwrite_freed_memory
)
from tests.contract.server.process_memory import times_held

def needle():
    # Made anew, so that no constant holds it.
    return b"-".join((b"needle", b"in", b"the", b"room"))

def free(size):
    texts = [bytearray((needle() * size)[:size]) for _ in range(300)]

one_heap()
full = deque([1, 2], maxlen=2)
closed = deque(maxlen=0)
free(528)
deques = [deque([1]) for _ in range(200)]
bounded = [deque([1], maxlen=2) for _ in range(200)]
ended = [deque() for _ in range(16)]
free(576)
lists = []
for _ in range(300):
    lists.append([])
    for number in range(65):
        lists[-1].append(number)
text = needle()
before = times_held(os.getpid(), text)
del ended
if "frozen" in sys.argv:
    before_freeze()
    gc.freeze()
asyncio.run(overwrite_freed_memory())
are_whole = (
    all(list(one) == [1] for one in deques + bounded)
    and all(one == list(range(65)) for one in lists)
    and list(full) == [1, 2]
    and all(one.maxlen == 2 for one in [full, *bounded])
)
print(before, times_held(os.getpid(), text), are_whole)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("state", ["walked", "frozen"])
def test_the_room_of_lists_and_deques_is_overwritten(state: str) -> None:
    """What was freed before it became theirs, and is theirs as long as they live."""
    ran = subprocess.run(
        [sys.executable, "-c", _ROOM, state], capture_output=True, text=True, check=True
    )
    before, after, are_whole = ran.stdout.split()
    assert int(before) >= 100
    # The script holds one, and what reads the memory may hold it in passing.
    assert int(after) < 10
    assert are_whole == "True"


_WHEN_FREED = """
import asyncio, os, sys
from stoppress.overwrite_freed_memory import (
    one_heap, overwrite_freed_memory, overwrite_when_freed
)
from tests.contract.server.process_memory import times_held

def needle(number):
    # Made anew, so that no constant holds it.
    return b"-".join((b"needle", str(number).encode(), b"when", b"freed"))

def held_after_free(number):
    texts, pins = [], []
    for _ in range(300):
        texts.append(bytearray(needle(number).center(5000, b".")))
        pins.append(bytes(5000))  # so that no freed pages go back to the system
    texts.clear()
    return times_held(os.getpid(), needle(number))

async def main():
    held = [held_after_free(1)]
    overwrite_when_freed(3600)
    overwrite_when_freed(3600)
    held.append(held_after_free(2))
    await overwrite_freed_memory()
    held.append(held_after_free(3))
    overwrite_when_freed(0)
    await asyncio.sleep(0.01)
    held.append(held_after_free(4))
    print(*held)

one_heap()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_freed_later_is_overwritten_at_once_for_a_time() -> None:
    """Also after an overwrite of all; and no longer than it is wanted."""
    ran = subprocess.run(
        [sys.executable, "-c", _WHEN_FREED], capture_output=True, text=True, check=True
    )
    before, during, again, after = map(int, ran.stdout.split())
    # The caller holds one, and what reads the memory may hold it in passing.
    assert during < 10 and again < 10
    assert before >= 100 and after >= 100


def test_the_number_of_overwritten_blocks_is_bounded() -> None:
    """A process with much free memory is not held up for long."""
    assert MAX_BLOCKS <= 200_000


_SPENT = """
import asyncio, ctypes, resource
from stoppress.overwrite_freed_memory import one_heap, overwrite_freed_memory

one_heap()
blocks = [bytes(3000) for _ in range(100_000)]
pins = blocks[::1000]
del blocks
ctypes.CDLL(None).malloc_trim(0)
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")
asyncio.run(overwrite_freed_memory())
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_returned_to_the_system_is_not_allocated_again() -> None:
    """A heap that was large once does not make the process large again."""
    ran = subprocess.run(
        [sys.executable, "-c", _SPENT], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < 100 << 10, "of 300 MB that were freed"
