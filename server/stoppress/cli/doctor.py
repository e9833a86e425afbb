"""`stoppress settings` and `stoppress doctor`: what is set, and what is wrong."""

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
from stoppress.settings import describe, from_environment

CLOCKS_APART_S = 5.0
_SECRET = frozenset({"admin_token", "redis"})


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
                f"STOPPRESS_{entry.name.upper()}",
                "(set)" if value and entry.name in _SECRET else str(value),
                entry.metadata["unit"],
                f"{about}; 0: {zero}" if zero else about,
            )
        )
    table(("variable", "value", "unit", "meaning"), rows)


class Finding(NamedTuple):
    """One thing that was looked at."""

    ok: bool
    what: str
    is_warning: bool = False
    """Whether it works, but may not for everybody."""


@click.command()
@server_options
def doctor(url: str, token: str | None) -> None:
    """Look at a server from here, and say what is wrong with it."""
    healthy = True
    for ok, what, is_warning in _look(ApiClient(url, token)):
        healthy &= ok
        click.echo(f"{'warn ' if is_warning else 'ok   ' if ok else 'wrong'}  {what}")
    if not healthy:
        raise CallFailed("something is wrong; see above")


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
    reason = "fresh events arrive: Redis is there"
    yield Finding(ready.is_success, reason if ready.is_success else _detail(ready))
    if api.token:
        known = api.raw("/v1/feeds?all=true").status_code != 401
        yield Finding(known, f"the token is {'known' if known else 'unknown'} there")


def _clock(response: httpx.Response) -> Finding:
    try:
        there = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return Finding(True, "the server tells no time")
    apart_s = abs(time.time() - there)
    return Finding(
        apart_s < CLOCKS_APART_S, f"its clock and ours are {apart_s:.0f} s apart"
    )


def _description(api: ApiClient) -> Iterator[Finding]:
    response = api.raw("/openapi.json")
    try:
        told = response.json()
        version, (server, *_) = str(told["info"]["version"]), told["servers"]
        address, source = str(server["url"]), str(server.get("x-address-from", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        yield Finding(False, f"{api.url} does not describe itself: no Stop Press")
        return
    yield Finding(True, f"it runs version {version}")
    if source == "forwarded":
        yield Finding(
            True,
            f"its address {address} is what its proxy tells, as none is set: set "
            "public_url, which holds for every way to it",
            is_warning=True,
        )
    elif source == "listening" and address != api.url and not _is_here(api.url):
        yield Finding(
            True,
            f"its links lead to {address}, though it answers at {api.url}: set "
            "public_url, or trusted_proxies to the networks of its proxy",
            is_warning=True,
        )


def _is_here(url: str) -> bool:
    """Whether an address is of this machine, by whichever of its names."""
    return httpx.URL(url).host in ("localhost", "127.0.0.1", "::1")


def _detail(response: httpx.Response) -> str:
    try:
        return f"it is not ready: {response.json()['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"it is not ready: /readyz answers {response.status_code}"
