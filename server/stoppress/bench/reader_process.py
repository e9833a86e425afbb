"""A process of readers: both its own side and the side of the run.

The run sends orders: `open` (connects a witness), `enter`, `settle`, `read`,
`tally`. Each is answered once it is done; a failure is an answer too. When the run has
ended, however it did, the pipe is closed, and the process ends at once.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable, MutableSequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Self

from stoppress.bench import process_stats
from stoppress.bench.many_readers_in_one_process import ReaderCrowd
from stoppress.bench.run_plan_and_result import BenchFailed, RunPlan

Times = MutableSequence[float]
"""When each post was sent, in memory that all processes share."""

_OWN_FILES = 64
_ANSWER_GRACE_S = 10.0


def need_descriptors(readers: int) -> None:
    """Raise the limit of open files as needed. Raises BenchFailed."""
    count = readers + _OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchFailed(
            f"{count} open files are needed and {hard} are allowed: "
            "raise `ulimit -n`, or use fewer --readers or more --loaders"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


class ReaderProcess:
    """One process of readers, seen from the run."""

    def __init__(
        self, context: SpawnContext, plan: RunPlan, share: int, sent: Times
    ) -> None:
        self._line, self._theirs = context.Pipe()
        self._present = context.RawValue("l", 0)
        self._process: SpawnProcess = context.Process(
            target=_serve,
            args=(self._theirs, plan, share, sent, self._present),
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._process.start()
        # Else the end of the process would not close the pipe.
        self._theirs.close()
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.join(5)

    @property
    def present(self) -> int:
        """How many readers are connected."""
        return int(self._present.value)

    def tell(self, order: str) -> None:
        """Send an order."""
        self._line.send(order)

    def has_answered(self, within_s: float) -> bool:
        """Whether the answer has come."""
        return self._line.poll(within_s) or not self._process.is_alive()

    def hear(self, timeout_s: float) -> dict[str, Any]:
        """The answer to the last order. Raises BenchFailed."""
        # The process stops by itself, and its answer says why: wait for that.
        if not self._line.poll(timeout_s + _ANSWER_GRACE_S):
            raise BenchFailed("a loader did not finish in time: raise --timeout")
        try:
            answer: dict[str, Any] = self._line.recv()
        except EOFError:
            raise BenchFailed(
                "a loader ended unexpectedly: check that there is enough memory"
            ) from None
        if "failed" in answer:
            raise BenchFailed(answer["failed"])
        return answer

    def ask(self, order: str, timeout_s: float) -> dict[str, Any]:
        """Send an order, and return its answer. Raises BenchFailed."""
        self.tell(order)
        return self.hear(timeout_s)


def _serve(
    line: Connection, plan: RunPlan, share: int, sent: Times, present: Any
) -> None:
    """The loader's own process."""

    # An interrupt at the terminal is for the run, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch = threading.Thread(target=_end_with_run, args=(line.fileno(),), daemon=True)
    watch.start()

    def reported(count: int) -> None:
        present.value = count

    try:
        crowd = ReaderCrowd(plan, reported)
        while True:
            line.send(_obey(crowd, line.recv(), plan, share, sent))
    except BenchFailed as failed:
        line.send({"failed": str(failed)})
    except EOFError:
        pass  # the run is over
    os._exit(0)  # thousands of sockets are closed fastest by the kernel


def _end_with_run(line: int) -> None:
    """End this process when the run has closed its end of the pipe."""
    poll = select.poll()
    # Of orders it hears nothing: they are the main thread's.
    poll.register(line, select.POLLHUP)
    poll.poll()
    os._exit(0)


def _obey(
    crowd: ReaderCrowd, order: str, plan: RunPlan, share: int, sent: Times
) -> dict[str, Any]:
    deadline = time.monotonic() + plan.timeout_s
    match order:
        case "open":
            crowd.enter(1, deadline)
        case "enter":
            missing = share - crowd.size
            spent = _spent(lambda: crowd.enter(missing, deadline))
            return {"entered": missing, **spent}
        case "settle":
            crowd.settle()
        case "read":
            deadline = time.monotonic() + plan.reading_s
            spent = _spent(lambda: crowd.read(deadline))
            crowd.check()
            return {"last": time.monotonic(), **spent}
        case "tally":
            delays, lasts = crowd.tally(sent)
            return {"bytes": crowd.received, "delays": delays, "lasts": lasts}
    return {}


def _spent(do: Callable[[], None]) -> dict[str, float]:
    """The cost of `do`: seconds, CPU seconds, and seconds in which it wanted a core."""
    began, cpu, wanted = time.monotonic(), time.process_time(), process_stats.wanted_s()
    do()
    return {
        "seconds": max(time.monotonic() - began, 1e-9),
        "cpu": time.process_time() - cpu,
        "wanted": process_stats.wanted_s() - wanted,
    }
