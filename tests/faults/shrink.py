"""Makes a run that failed as small as it can be and still fail the same way.

Rules: one dimension at a time, the least first, then halves. What is real has its
own time: a run that passes is tried again before it counts. The number of runs has a
bound; what is found till then counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

from tests.faults.fault_kind import Outcome, Scale

LEAST = Scale(readers=3, editors=1, events=5, seconds=1.0, faults=0.0)
"""One reader of each transport, one editor, and no fault at all."""
TRIES = 2
MOST_RUNS = 40


def shrunk(
    failed: Outcome,
    scale: Scale,
    run: Callable[[Scale], Outcome],
    say: Callable[[str], None],
) -> Scale:
    """The least scale found at which `run` still finds a fault of the same kind."""
    wanted = {fault.kind for fault in failed.faults}
    left = MOST_RUNS
    going = True
    while going:
        going = False
        for less in smaller(scale):
            for _ in range(min(TRIES, left)):
                left -= 1
                if wanted & {fault.kind for fault in run(less).faults}:
                    say(f"still: {command(failed, less)}")
                    scale, going = less, True
                    break
            if going or not left:
                break
    return scale


def smaller(scale: Scale) -> Iterator[Scale]:
    """As it is but for one dimension: at its least, then half of what is left."""
    for name in (one.name for one in fields(Scale)):
        now, least = getattr(scale, name), getattr(LEAST, name)
        if now > least:
            yield replace(scale, **{name: least})
            half = (now + least) / 2 if isinstance(now, float) else (now + least) // 2
            if least < half and now - half > 0.05:
                yield replace(scale, **{name: half})


def command(failed: Outcome, scale: Scale) -> str:
    """What repeats the run."""
    full = Scale()
    options = " ".join(
        f"--{one.name} {getattr(scale, one.name):g}"
        for one in fields(Scale)
        if getattr(scale, one.name) != getattr(full, one.name)
    )
    ours = f"make faults KINDS={failed.kind} SEED={failed.seed}"
    return f'{ours} ARGS="{options}"' if options else ours
