"""What a kind of fault is, the result of a run, and the checks of every run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.faults.judge import Fault
from tests.faults.proxy import Manner
from tests.faults.reader import Habits

if TYPE_CHECKING:
    from tests.faults.scene import Scene

FEEDS = ("flood", "vote")
SEED = 11
"""Of the runs in the tests: it stays, so that a red day means a change of ours."""
READERS = 102
RUN_S = 10.0
EVENTS = 100
BUSY = 4.0 if "PYTEST_VERSION" in os.environ else 1.0
"""How much longer everything may take where tests share the machine: what is promised
is judged by `make faults`."""
PATIENCE_S = 60.0 * BUSY
"""How long a step of a run may take before it counts as stuck."""
DEEDS_A_SECOND = 8.0
"""Of each of the two editors."""
RED_S, GREEN_S = 10.0, 15.0
"""Within what time `/readyz` has to show a line that is dead, or is back."""
SETTINGS = {"STOPPRESS_DRAIN_S": "1", "STOPPRESS_BEAT_S": "5"}
CALM = Habits(patience_s=40.0, pause_s=0.5)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is of everything in a run; what is found is shown at less."""

    readers: int = READERS
    editors: int = len(FEEDS)
    events: int = EVENTS
    seconds: float = RUN_S
    faults: float = 1.0
    """How much of the fault, where it is done again and again; 0: none of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault, and what may come of it."""

    name: str
    what: str
    fault: Callable[[Scene], Awaitable[None]]
    store: Sequence[str] = ()
    """The settings of an outside Redis; none: the embedded Valkey."""
    which: str = ""
    """Which server that is, `valkey` or `redis`; "": as chance will have it."""
    layout: Literal["alone", "sentinels", "cluster"] = "alone"
    """Two replicas and three Sentinels beside it; or a cluster of 3 x (1 + 2)."""
    by_proxy: bool = False
    """Whether the server reaches its Redis through a proxy."""
    settings: Mapping[str, str] = field(default_factory=dict)
    deeds_a_second: float = DEEDS_A_SECOND
    hands: int = 1
    """Of each editor: how many deeds may be under way at once."""
    workers: int = 1
    tls: bool = False
    """Whether the server speaks TLS itself, with all its clients."""
    manner: Manner | None = None
    """How a proxy before a third of the readers treats bytes; None: there is none."""
    habits: Habits = CALM
    """Of those readers."""
    resets: bool = False
    """Whether readers may be reset; else every one keeps its place."""
    lags: bool = False
    """Whether the line may be behind the log for longer than a cursor is waited for."""
    clock: bool = False
    """Whether the wall clock of the server and its Valkey can be set."""
    patience_s: float = 3 * 60.0 * BUSY
    """How long the wanted events may take: how fast they are is no promise here."""
    stays: bool = True
    """Whether the server stays up, so that `/healthz` has to be green all along."""


@dataclass(slots=True)
class Outcome:
    """What came of one run."""

    kind: str
    seed: int
    readers: int = 0
    events: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    notes: dict[str, float] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    began: bool = False
    """Whether everything stood there; what fails before is no fault of the server."""
