"""The type of a kind of fault, of a run's scale and of its outcome."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.faults.judge import Fault
from tests.faults.proxy import ProxyBehaviour
from tests.faults.reader import ReaderBehaviour

if TYPE_CHECKING:
    from tests.faults.system_under_test import SystemUnderTest

FEEDS = ("flood", "vote")
SEED = 11
"""Of the runs in the tests: constant, so that a failure means a change of this code."""
READERS = 102
RUN_S = 10.0
EVENTS = 100
BUSY = 4.0 if "PYTEST_VERSION" in os.environ else 1.0
"""How much longer steps may take if tests share the machine; `make faults` judges the
documented times."""
PATIENCE_S = 60.0 * BUSY
"""How long a step of a run may take before it counts as stuck."""
ACTIONS_PER_SECOND = 8.0
"""Of each of the two editors."""
RED_S, GREEN_S = 10.0, 15.0
"""The time for `/readyz` to report a dead subscription, and a restored one."""
SETTINGS = {"STOPPRESS_DRAIN_S": "1", "STOPPRESS_BEAT_S": "5"}
CALM = ReaderBehaviour(patience_s=40.0, pause_s=0.5)


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
    fault: Callable[[SystemUnderTest], Awaitable[None]]
    store: Sequence[str] = ()
    """The settings of an outside Redis; none: the embedded Valkey."""
    which: str = ""
    """Which server that is, `valkey` or `redis`; "": as chance will have it."""
    layout: Literal["alone", "sentinels", "cluster"] = "alone"
    """Two replicas and three Sentinels beside it; or a cluster of 3 x (1 + 2)."""
    by_proxy: bool = False
    """Whether the server reaches its Redis through a proxy."""
    settings: Mapping[str, str] = field(default_factory=dict)
    actions_per_second: float = ACTIONS_PER_SECOND
    concurrency: int = 1
    """How many actions of each editor may be in progress at once."""
    workers: int = 1
    tls: bool = False
    """Whether the server speaks TLS itself, with all its clients."""
    proxy_behaviour: ProxyBehaviour | None = None
    """How a proxy in front of a third of the readers behaves; None: no proxy."""
    reader_behaviour: ReaderBehaviour = CALM
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
    """Whether everything had started; earlier failures are not the server's."""
