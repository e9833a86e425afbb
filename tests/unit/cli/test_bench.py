"""`stoppress bench`: what it refuses to do, and how it says that a run failed."""

from __future__ import annotations

import json
import signal

import pytest

from stoppress.cli.bench import _interrupted_by_signals
from tests.unit.cli.site import Site


def test_only_websockets_negotiate_deflate(site: Site) -> None:
    """A usage error, before anything is asked of the server."""
    code, _, said = site.run("bench", "--deflate", "--transport", "sse")
    assert code == 2 and "leave out --transport sse" in said
    assert site.asked == []


@pytest.mark.parametrize(
    "options",
    [
        ("--readers", "0"),
        ("--posts", "0"),
        ("--rate", "-1"),
        ("--size", "60000"),
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--rate", "nan"),
        ("--rate", "inf"),
        ("--loaders", "65"),
        ("--transport", "poll"),
    ],
)
def test_a_figure_out_of_range_is_refused(site: Site, options: tuple[str, str]) -> None:
    """By name, before anything is asked of the server."""
    code, _, said = site.run("bench", *options)
    assert code == 2 and options[0] in said
    assert site.asked == []


def test_a_server_that_refuses_the_feed_fails_the_run(site: Site) -> None:
    """With its own words, and no figures."""
    problem = {"title": "Scope missing", "status": 403, "detail": "no admin here"}
    site.answers["POST /v1/feeds"] = (403, problem)
    code, out, said = site.run("bench", "--readers", "1", "--posts", "1", "--json")
    assert code == 2 and "403" in said
    assert out == ""
    (asked,) = site.asked
    assert (asked.method, asked.path) == ("POST", "/v1/feeds")
    slug = (asked.body if isinstance(asked.body, dict) else json.loads(asked.body))[
        "slug"
    ]
    assert slug.startswith("bench-")
    assert asked.headers["authorization"] == "Bearer sp_t"


def test_a_token_that_can_not_be_sent_is_misuse(site: Site) -> None:
    """Without a word of it."""
    code, _, said = site.run("bench", token="sp_\nx")
    assert code == 2 and "token is invalid" in said and "sp_" not in said
    assert site.asked == []


@pytest.mark.usefixtures("without_nohup")
def test_a_signal_to_end_is_an_interrupt() -> None:
    """The first one; after the run it is as before."""
    former = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
    for number in (signal.SIGTERM, signal.SIGHUP):
        with pytest.raises(KeyboardInterrupt):
            with _interrupted_by_signals():
                try:
                    signal.raise_signal(number)
                finally:
                    signal.raise_signal(number)
        now = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
        assert now == former


def test_a_signal_that_is_ignored_stays_so() -> None:
    """SIGHUP under nohup."""
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _interrupted_by_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)
