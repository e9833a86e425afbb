"""The parent process: owns the data and the port, keeps Valkey and workers running.

Rules:
- It serves no requests itself, so nothing a reader sends can end it.
- Start order: port, data, Valkey, workers. It stops in reverse order, so that
  readers are disconnected while the store still answers, and Valkey stops last.
- A start that fails (an invalid setting, a taken port, data in use, a Redis that is
  too old) is CannotServe, one line; a worker or a Valkey that ends later is
  started again (`keep_worker_running.py`, `log/embedded_valkey_server.py`).
- SIGTERM, SIGINT or SIGHUP begin the drain; a second one ends at once. With TLS, SIGHUP
  loads the certificate again instead, as a change of its files does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

from stoppress.domain.errors import Unavailable
from stoppress.log.connect import reach
from stoppress.log.data_folder import held
from stoppress.log.embedded_valkey_server import EmbeddedValkey
from stoppress.process.certificate import CertificateFiles, UnusableCertificate
from stoppress.process.certificate import warning as certificate_warning
from stoppress.process.core_files import leave_no_core
from stoppress.process.keep_worker_running import WorkerDidNotStart, WorkerSlot
from stoppress.process.listening_sockets import (
    CannotListen,
    listen,
    listen_unix,
    remove_unix,
)
from stoppress.setting_variables import to_environment
from stoppress.settings import Settings
from stoppress.web.pages.find_browser_files import (
    MissingFiles,
    browser_folder,
    stale_script,
)

END_S = 12.0
"""Seconds that a worker has to end after its drain, before it is killed: see
process/worker.py."""

CERTIFICATE_CHECK_S = 1.0
"""Seconds between two checks of the certificate's files."""

COUNTERS = "PROMETHEUS_MULTIPROC_DIR"
COUNTERS_PREFIX = "stop-press-counters-"
LOCK = "lock"

Ready = Callable[[Settings], Awaitable[None]]

log = logging.getLogger(__name__)


class CannotServe(Exception):
    """The server can't start; one line says why. `code` is the exit code."""

    def __init__(self, reason: str, code: int = 2) -> None:
        super().__init__(reason)
        self.code = code


class Supervisor:
    """Runs one server: its store if that is embedded, and its workers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._signals: asyncio.Queue[int] = asyncio.Queue(8)
        self._reload = asyncio.Event()

    async def run(self, ready: Ready) -> None:
        """Serve until a signal.

        `ready` is called once all workers accept, with the settings as they are in
        force (the port that was found); it runs beside the server and ends with it.
        Raises CannotServe.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(signum, self._signalled, signum)
        settings = self.settings
        leave_no_core()
        _check_script()
        _check_certificate(settings)
        try:
            async with _listening(settings) as listeners:
                port = listeners[0][0].getsockname()[1]
                async with _store(replace(settings, port=port)) as in_force:
                    await self._serve(in_force, listeners, ready)
        except CannotListen as error:
            raise CannotServe(str(error)) from None

    async def _serve(
        self, settings: Settings, listeners: list[list[socket.socket]], ready: Ready
    ) -> None:
        with _counters(settings) as (environment, worker_ended):
            workers = [WorkerSlot(one, environment) for one in listeners]
            keeping = [
                asyncio.create_task(worker.keep(worker_ended)) for worker in workers
            ]
            beside = asyncio.create_task(_when_ready(workers, settings, ready))
            certificate = asyncio.create_task(self._keep_certificate(workers))
            stop = asyncio.create_task(self._signals.get())
            try:
                await asyncio.wait([*keeping, stop], return_when=FIRST_COMPLETED)
            finally:
                for task in (stop, beside, certificate):
                    task.cancel()
                await asyncio.gather(beside, certificate, return_exceptions=True)
                await self._end(workers, keeping, settings.drain_s + END_S)
            try:
                for task in keeping:
                    await task
            except WorkerDidNotStart:
                why = "the server did not start; its log says why"
                raise CannotServe(why, 1) from None

    async def _end(
        self,
        workers: list[WorkerSlot],
        keeping: list[asyncio.Task[None]],
        patience_s: float,
    ) -> None:
        """Drain; at a second signal, or after `patience_s`, kill what is left."""
        for worker in workers:
            worker.stop()
        ended = asyncio.ensure_future(asyncio.wait(keeping))
        again = asyncio.create_task(self._signals.get())
        await asyncio.wait(
            [ended, again], timeout=patience_s, return_when=FIRST_COMPLETED
        )
        again.cancel()
        if not ended.done():
            log.warning("workers are killed before their drain has ended")
            for worker in workers:
                worker.stop(signal.SIGKILL)
        await ended

    async def _keep_certificate(self, workers: list[WorkerSlot]) -> None:
        """Make workers load the certificate when its files change, or at SIGHUP."""
        if not self.settings.tls_cert:
            return
        paths = Path(self.settings.tls_cert), Path(self.settings.tls_key)
        files = CertificateFiles(*paths)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CERTIFICATE_CHECK_S):
                    await self._reload.wait()
            if not files.have_changed() and not self._reload.is_set():
                continue
            self._reload.clear()
            try:
                warning = certificate_warning(*paths)
            except UnusableCertificate as error:
                log.warning("%s; the certificate in use stays in use", error)
                continue
            for worker in workers:
                worker.reload()
            log.info("the certificate was loaded again")
            if warning:
                log.warning("%s", warning)

    def _signalled(self, signum: int) -> None:
        if signum == signal.SIGHUP and self.settings.tls_cert:
            self._reload.set()
            return
        with contextlib.suppress(asyncio.QueueFull):
            self._signals.put_nowait(signum)


@contextlib.asynccontextmanager
async def _listening(settings: Settings) -> AsyncIterator[list[list[socket.socket]]]:
    """The sockets of each worker: one per port, and a copy of the Unix socket's."""
    ports = await listen(settings.host, settings.port, settings.workers)
    with contextlib.ExitStack() as stack:
        listeners = [[stack.enter_context(one)] for one in ports]
        if settings.redirect_port:
            plain = await listen(
                settings.host, settings.redirect_port, settings.workers
            )
            for of_worker, one in zip(listeners, plain, strict=True):
                of_worker.append(stack.enter_context(one))
        if settings.uds:
            path = Path(settings.uds)
            with await listen_unix(path) as shared:
                stack.callback(remove_unix, path)
                for of_worker in listeners:
                    of_worker.append(stack.enter_context(shared.dup()))
        yield listeners


def _check_script() -> None:
    """Check the script for readers here, so that not every worker reports it.

    Raises CannotServe.
    """
    try:
        stale = stale_script(browser_folder())
    except MissingFiles as error:
        raise CannotServe(str(error)) from None
    if stale:
        log.warning("%s", stale)


def _check_certificate(settings: Settings) -> None:
    """Raises CannotServe for an unusable certificate; warns of an expired one."""
    if not settings.tls_cert:
        return
    try:
        warning = certificate_warning(Path(settings.tls_cert), Path(settings.tls_key))
    except UnusableCertificate as error:
        raise CannotServe(str(error)) from None
    if warning:
        log.warning("%s", warning)
    if settings.workers > 1:
        log.info(
            "each of %d workers has TLS ticket keys of its own: a session is resumed "
            "only at the worker that began it",
            settings.workers,
        )


async def _when_ready(
    workers: list[WorkerSlot], settings: Settings, ready: Ready
) -> None:
    for worker in workers:
        await worker.ready.wait()
    try:
        await ready(settings)
    except Exception:
        # It runs beside the server, which continues without it.
        log.exception("the task beside the server failed")


@contextlib.asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with the Redis to use: the embedded one, or the one that is set.

    Raises BadSetting if it can't be started, or can't be used.
    """
    if settings.redis:
        try:
            await (await reach(settings.redis, settings)).aclose()
        except Unavailable as error:
            log.warning("%s; serving without it until it answers", error)
        yield settings
        return
    valkey = EmbeddedValkey(settings.data, settings)
    url = await valkey.start()
    watching = asyncio.create_task(valkey.watch())
    try:
        yield replace(settings, redis=url)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await valkey.stop()


@contextlib.contextmanager
def _counters(
    settings: Settings,
) -> Iterator[tuple[dict[str, str], Callable[[int], None]]]:
    """The workers' environment, and the function to call when one has ended.

    Several workers count in files of one folder, so that each can show the sums.
    """
    environment = os.environ | to_environment(settings)
    environment.pop(COUNTERS, None)
    if settings.workers == 1:
        yield environment, lambda pid: None
        return
    with _counters_folder() as folder:

        def worker_ended(pid: int) -> None:
            # Its counters stay; its gauges (readers, channels) are gone.
            for file in Path(folder).glob(f"gauge_live*_{pid}.db"):
                file.unlink()

        yield environment | {COUNTERS: folder}, worker_ended


@contextlib.contextmanager
def _counters_folder() -> Iterator[str]:
    """A folder of this process, for as long as it runs.

    A process that is killed leaves its folder behind; the lock on it ends with the
    process, so the next server to start removes the folder.
    """
    for lock in Path(tempfile.gettempdir()).glob(f"{COUNTERS_PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), held(lock) as mine:
            if mine is not None:
                shutil.rmtree(lock.parent)
    with tempfile.TemporaryDirectory(prefix=COUNTERS_PREFIX) as folder:
        with held(Path(folder) / "new"):
            # No other process sees the lock before it is held.
            (Path(folder) / "new").rename(Path(folder) / LOCK)
            yield folder
