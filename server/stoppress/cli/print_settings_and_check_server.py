"""`stoppress settings` and `stoppress doctor`: print settings, check a server."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import click
import httpx

from stoppress import __version__
from stoppress.cli.api_client import ApiClient, CallFailed, server_options
from stoppress.cli.output import table
from stoppress.setting_variables import (
    describe,
    from_environment,
    unknown_variables,
    variable_of,
    written,
)

CLOCKS_APART_S = 5.0
_SECRET = frozenset({"admin_token", "oidc_client_secret", "redis"})


@click.command()
def settings() -> None:
    """Print every setting: its variable, value, unit, and what 0 means."""
    set_now = from_environment(os.environ)
    rows = []
    for entry in describe():
        value = getattr(set_now, entry.name)
        about, zero = entry.metadata["help"], entry.metadata["zero"]
        rows.append(
            (
                variable_of(entry.name),
                "(set)" if value and entry.name in _SECRET else written(value),
                entry.metadata["unit"],
                f"{about}; 0: {zero}" if zero else about,
            )
        )
    _warn_of_unknown()
    table(("variable", "value", "unit", "meaning"), rows)


def _warn_of_unknown() -> None:
    for warning in unknown_variables(os.environ):
        click.echo(f"warning: {warning}", err=True)


class Finding(NamedTuple):
    """The result of one check."""

    ok: bool
    what: str
    is_warning: bool = False
    """Whether it works, but may not for everybody."""


@click.command()
@server_options
def doctor(url: str, token: str | None) -> None:
    """Check a server from here, and print what is wrong."""
    _warn_of_unknown()
    healthy = True
    for ok, what, is_warning in _look(ApiClient(url, token)):
        healthy &= ok
        click.echo(f"{'warn ' if is_warning else 'ok   ' if ok else 'wrong'}  {what}")
    if not healthy:
        raise CallFailed("a check failed: see above")


def _look(api: ApiClient) -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding(True, f"stoppress {__version__} on Python {python}")
    try:
        health = api.raw("/healthz")
    except CallFailed as error:
        yield Finding(False, error.message)
        return
    if not health.is_success:
        yield Finding(False, f"{api.url}/healthz answers {health.status_code}")
        return
    yield Finding(True, f"a server answers at {api.url}")
    yield _clock(health)
    yield from _description(api)
    ready = api.raw("/readyz")
    reason = "fresh events arrive: Redis answers"
    yield Finding(ready.is_success, reason if ready.is_success else _detail(ready))
    if api.token:
        known = api.raw("/v1/feeds?all=true").status_code != 401
        yield Finding(known, f"the token is {'known' if known else 'unknown'}")


def _clock(response: httpx.Response) -> Finding:
    try:
        there = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return Finding(True, "the server sends no Date header")
    apart_s = abs(time.time() - there)
    return Finding(
        apart_s < CLOCKS_APART_S,
        f"the clocks of server and this machine are {apart_s:.0f} s apart",
    )


def _description(api: ApiClient) -> Iterator[Finding]:
    response = api.raw("/openapi.json")
    try:
        reported = response.json()
        version, (server, *_) = str(reported["info"]["version"]), reported["servers"]
        address, source = str(server["url"]), str(server.get("x-address-from", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        yield Finding(False, f"{api.url} is not a Stop Press server: no /openapi.json")
        return
    yield Finding(True, f"the server runs version {version}")
    if source == "forwarded":
        yield Finding(
            True,
            f"the site's address {address} is taken from its proxy's headers: set "
            "public_url, so that it does not depend on them",
            is_warning=True,
        )
    elif source == "listening" and address != api.url and not _is_here(api.url):
        yield Finding(
            True,
            f"links lead to {address}, but the server answers at {api.url}: set "
            "public_url, or trusted_proxies to the networks of its proxy",
            is_warning=True,
        )


def _is_here(url: str) -> bool:
    """Whether an address is of this machine, by any of its names."""
    return httpx.URL(url).host in ("localhost", "127.0.0.1", "::1")


def _detail(response: httpx.Response) -> str:
    try:
        return f"the server is not ready: {response.json()['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"the server is not ready: /readyz answers {response.status_code}"
