"""`stoppress serve` and `stoppress demo`: a server in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shlex
import shutil
import ssl
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import httpx

from stoppress.cli.api_client import DEFAULT_URL, Command
from stoppress.demo.api_editor import ApiEditor
from stoppress.demo.coverage_player import play_all
from stoppress.demo.load_coverage_files import Coverage, coverages
from stoppress.demo.system_clock import SystemClock
from stoppress.guard import log_format
from stoppress.setting_variables import (
    describe,
    from_environment,
    unknown_variables,
    variable_of,
    written,
)
from stoppress.settings import Settings

if TYPE_CHECKING:
    from stoppress.process.supervisor import Ready

DEMO_DATA = Path("demo-data")
CALL_S = 10.0
SHOWN_S = 10.0
"""How long the demo waits for its first post before it prints its address."""


log = logging.getLogger(__name__)

_Given = str | Path | bool | None
"""An option's value: None if it was not given."""


def _settings_options(command: Command) -> Command:
    """An option for every setting; those not given come from the environment."""
    for entry in reversed(describe()):
        about, unit = entry.metadata["help"], entry.metadata["unit"]
        zero = entry.metadata["zero"]
        default = written(entry.default)
        notes = [f"{default}{f' {unit}' if unit else ''}"] * bool(default)
        notes += [f"0: {zero}"] * bool(zero)
        shown = f" [{'; '.join(notes)}]" if notes else ""
        option = f"--{entry.name.replace('_', '-')}"
        if isinstance(entry.default, bool):
            option = f"{option}/--no-{option[2:]}"
        command = click.option(
            option,
            entry.name,
            type=click.Path(path_type=Path) if entry.name == "data" else None,
            default=None,
            metavar=unit.upper() or None,
            help=f"{about[0].upper()}{about[1:]}.{shown}",
        )(command)
    return command


@click.command()
@_settings_options
def serve(**given: _Given) -> None:
    """Serve until interrupted.

    Every option is also a variable, STOPPRESS_<NAME>; the option wins.
    """
    _run(_read(given), _say_how_to_sign_in, shown_in_ps(given))


@click.command()
@_settings_options
def demo(**given: _Given) -> None:
    """Serve a demo: invented feeds with live coverage.

    Takes the options of serve; its data is kept in ./demo-data.
    """
    if given["data"] is None and "STOPPRESS_DATA" not in os.environ:
        given["data"] = DEMO_DATA
    settings = replace(_read(given), demo=True)
    if not settings.admin_secret:
        settings = replace(settings, admin_token=_kept_token(settings.data))
    coverage = coverages()

    async def ready(settings: Settings) -> None:
        await _say_ready(settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(_play(settings, coverage))
            # The address is printed once the feed shows a post.
            await _shown(settings, coverage[0].slug)
            click.echo(_welcome(settings, coverage[0].slug))

    _run(settings, ready, shown_in_ps(given))


def _read(given: Mapping[str, _Given]) -> Settings:
    """The settings in options, else in the environment. Raises BadSetting."""
    reported = {
        variable_of(name): written(value)
        for name, value in given.items()
        if value is not None
    }
    return from_environment(os.environ | reported)


def shown_in_ps(given: Mapping[str, _Given]) -> list[str]:
    """A warning for each secret on the command line, without the secret."""
    found = [
        f"--{name.replace('_', '-')} shows its secret in `ps`: "
        f"use {variable_of(f'{name}_file')} instead"
        for name in ("admin_token", "oidc_client_secret")
        if given.get(name)
    ]
    if "@" in str(given.get("redis") or ""):
        found.append(
            f"--redis shows its password in `ps`: use {variable_of('redis')} instead"
        )
    return found


class NotServed(Exception):
    """The server can't start; one line says why. `code` is the exit code."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.code = code


def _run(settings: Settings, ready: Ready, warnings: list[str]) -> None:
    # Imported here: the server's parts take a third of the start of other commands.
    from stoppress.process.supervisor import CannotServe, Supervisor

    log_format.set_up(settings.log_format)
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for warning in unknown_variables(os.environ):
        log.warning("%s", warning)

    async def warned(settings: Settings) -> None:
        # Only here: a refused start prints one line, the reason.
        for warning in warnings:
            log.warning("%s", warning)
        await ready(settings)

    try:
        asyncio.run(Supervisor(settings).run(warned))
    except CannotServe as error:
        raise NotServed(str(error), error.code) from None


async def _say_ready(settings: Settings) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls_cert else "http"
    click.echo(f"Stop Press is serving on {scheme}://{host}:{settings.port}")


async def _say_how_to_sign_in(settings: Settings) -> None:
    from stoppress.process.first_sign_in_address import sign_in_address

    await _say_ready(settings)
    address = await sign_in_address(settings)
    if address is not None:
        click.echo(
            "There is no token yet. Sign in as administrator at this address, which is "
            f"valid once, within the hour: {address}"
        )


def _kept_token(data: Path) -> str:
    """The demo's token: made only once, so that links and scripts stay valid."""
    file = data / "token"
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            with open(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as new:
                new.write(f"sp_{secrets.token_urlsafe(24)}")
        return file.read_text().strip()
    except OSError as error:
        raise click.UsageError(
            f"--data {str(data)!r} is unusable: {error.strerror}"
        ) from None


def _welcome(settings: Settings, slug: str) -> str:
    base, token = settings.base, settings.admin_secret
    elsewhere = f" --url {shlex.quote(base)}" if base != DEFAULT_URL else ""
    return f"""
  Read     {base}/live/{slug}
  Write    {base}/desk
  Embed    {base}/demo/
  Token    {token}

  Publish, from another terminal:

    {_program()} publish {slug}{elsewhere} --token {token} "Hello, readers."

  Press Ctrl-C to stop.
"""


def _program() -> str:
    """The command to call this program again, from the same folder."""
    path = sys.argv[0]
    if shutil.which("stoppress") == path:
        return "stoppress"
    if Path(path).name == "__main__.py":
        return "python -m stoppress"
    nearer = os.path.relpath(path)
    return shlex.quote(path if nearer.startswith("..") else nearer)


def _http(settings: Settings) -> httpx.AsyncClient:
    """A client of this server, with an editor's token."""
    return httpx.AsyncClient(
        base_url=settings.own_address,
        verify=_own_certificate(settings),
        headers={"authorization": f"Bearer {settings.admin_secret}"},
        timeout=CALL_S,
        trust_env=False,
    )


def _own_certificate(settings: Settings) -> ssl.SSLContext | bool:
    """Trust in the server's own certificate only, for any host name."""
    if not settings.tls_cert:
        return True
    trust = ssl.create_default_context(cafile=settings.tls_cert)
    trust.check_hostname = False
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return trust


async def _shown(settings: Settings, slug: str) -> None:
    """Wait until the feed shows a post, for at most SHOWN_S."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SHOWN_S), _http(settings) as http:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await http.get(f"/v1/feeds/{slug}")
                    if answer.status_code == 200 and answer.json()["posts"]:
                        return
                await asyncio.sleep(0.05)


async def _play(settings: Settings, coverage: tuple[Coverage, ...]) -> None:
    """Play the coverage as an ordinary editor of this server."""
    async with _http(settings) as http:

        async def call(
            method: str, path: str, body: bytes | None, headers: Mapping[str, str]
        ) -> tuple[int, object]:
            try:
                response = await http.request(
                    method, path, content=body, headers=dict(headers)
                )
                answer: Any = response.json() if response.content else None
            except (httpx.TransportError, ValueError) as error:
                raise OSError(str(error)) from error
            return response.status_code, answer

        clock = SystemClock()
        await play_all(ApiEditor(call, clock), coverage, clock)
