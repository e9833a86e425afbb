"""Runs of many kinds of fault beside a test session, shared by all its workers.

    python -m tests.faults.background FOLDER KIND...

Most of a run is waiting, so several are made at once, while the session's workers do
other tests. The first worker that asks starts the process; each outcome is a file
that any worker reads. When the stdin of the process closes, no further run begins.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from tests.faults.fault_kind import SEED, Outcome
from tests.faults.suite import KINDS, runs
from tests.waiting import wait_until

JOBS = 4
"""Runs at once, beside the tests of the session's workers."""
END_S = 180.0
"""How long the runs that are under way may take to end."""

ENDED = "ended"
LOG = "log"
USERS = "users"
OWNER = "owner"


class Campaign:
    """One run of each of these kinds, for all processes that share the folder."""

    def __init__(self, folder: Path, kinds: Sequence[str]) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._users = os.open(folder / USERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        fcntl.flock(self._users, fcntl.LOCK_SH)
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(FileExistsError):
            os.close(os.open(folder / OWNER, os.O_CREAT | os.O_EXCL))
            self._process = self._started(kinds)

    def _started(self, kinds: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._folder / LOG).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.faults.background"]
                + [str(self._folder), *kinds],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def outcome(self, kind: str, within_s: float) -> Outcome:
        """What came of the run of a kind, when it has ended."""
        file = self._folder / kind
        ended = self._folder / ENDED

        def is_there() -> bool:
            if self._process is not None and self._process.poll() is not None:
                ended.touch()
            return file.exists() or ended.exists()

        wait_until(is_there, within_s)
        if not file.exists():
            raise RuntimeError(
                f"no run came of it:\n{(self._folder / LOG).read_text()}"
            )
        outcome = pickle.loads(file.read_bytes())
        assert isinstance(outcome, Outcome)
        return outcome

    def close(self) -> None:
        """Leave; who started it waits until the others have left, and ends it."""
        process = self._process
        if process is not None:
            if process.poll() is None:
                # The others still want what is being made.
                fcntl.flock(self._users, fcntl.LOCK_EX)
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(END_S)
            finally:
                process.kill()
        os.close(self._users)


def main() -> None:
    """Make the runs, until all are made or nobody wants them."""
    folder, kinds = Path(sys.argv[1]), [KINDS[name] for name in sys.argv[2:]]
    unwanted = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        unwanted.set()

    threading.Thread(target=listen, daemon=True).start()
    with closing(runs(kinds, [SEED], JOBS)) as going:
        for outcome in going:
            file = folder / f".{outcome.kind}"
            file.write_bytes(pickle.dumps(outcome))
            file.rename(folder / outcome.kind)
            if unwanted.is_set():
                break
    (folder / ENDED).touch()


if __name__ == "__main__":
    main()
