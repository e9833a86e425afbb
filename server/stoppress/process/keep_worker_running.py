"""Keeps one worker process running: starts it, and starts another when it ends.

Rules:
- A worker that ended is replaced after a wait that grows to MAX_RESTART_WAIT_S; one
  that ran for WORKER_STEADY_AFTER_S is replaced at once.
- A worker that ends by itself before it is ready is an error of the start.
- The worker inherits its sockets; this process closes them when the worker has to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

FIRST_RESTART_WAIT_S = 0.1
MAX_RESTART_WAIT_S = 5.0
"""Longest wait between the end of a worker and its restart."""
WORKER_STEADY_AFTER_S = 10.0
"""A worker that has run for this long is restarted without a wait."""

log = logging.getLogger(__name__)


class WorkerDidNotStart(Exception):
    """The first process of a worker ended by itself before it was ready."""


class WorkerSlot:
    """One worker's sockets, and the process that serves them now."""

    def __init__(
        self, listeners: list[socket.socket], environment: dict[str, str]
    ) -> None:
        self._listeners = listeners
        self._environment = environment
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()

    async def keep(self, worker_ended: Callable[[int], None]) -> None:
        """Keep a process running until `stop`; report each one that ended.

        Raises WorkerDidNotStart if the first one ends by itself before it is ready.
        """
        loop = asyncio.get_running_loop()
        wait_s = 0.0
        while not self._stopping.is_set():
            started = loop.time()
            self._process = process = await self._start()
            if self._stopping.is_set():
                process.terminate()
            code = await process.wait()
            worker_ended(process.pid)
            if self._stopping.is_set():
                return
            if not self.ready.is_set() and code >= 0:  # a negative code: it was killed
                raise WorkerDidNotStart
            log.warning("worker %d exited with %d; starting another", process.pid, code)
            lived_s = loop.time() - started
            wait_s = (
                0.0
                if lived_s > WORKER_STEADY_AFTER_S
                else max(wait_s * 2, FIRST_RESTART_WAIT_S)
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, MAX_RESTART_WAIT_S)):
                    await self._stopping.wait()

    def reload(self) -> None:
        """Tell a process that serves to load the certificate again."""
        process = self._process
        if self.ready.is_set() and process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGHUP)

    async def _start(self) -> Process:
        reading, writing = os.pipe()
        numbers = tuple(one.fileno() for one in self._listeners)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "stoppress.process.worker",
                ",".join(map(str, numbers)),
                str(writing),
                str(os.getpid()),
                # The end of this pipe tells the worker that its parent is gone.
                stdin=PIPE,
                pass_fds=(*numbers, writing),
                env=self._environment,
                # Only the parent gets Ctrl-C from the terminal; it passes it on.
                process_group=0,
            )
        finally:
            os.close(writing)
        asyncio.get_running_loop().add_reader(reading, self._heard, reading)
        return process

    def _heard(self, reading: int) -> None:
        if os.read(reading, 1):
            self.ready.set()
        asyncio.get_running_loop().remove_reader(reading)
        os.close(reading)

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """Tell the process to end, and start no other."""
        self._stopping.set()
        # While a listener is open, the kernel accepts connections that nothing serves.
        for one in self._listeners:
            one.close()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signum)
