"""The command line against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server
from tests.contract.server.asking import public
from tests.ports import reserve_port

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(server: Server) -> Run:
    """`run(*arguments)`: one command, as the admin of the server."""

    def run(
        *arguments: str, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stoppress", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=_environment(server) | variables,
            timeout=60,
        )

    return run


@pytest.fixture
def feed(server: Server) -> str:
    """A feed of the test's own."""
    return server.new_feed()


def _environment(server: Server) -> dict[str, str]:
    """The server's address and token, as a user would have them."""
    return os.environ | {"STOPPRESS_URL": server.url, "STOPPRESS_TOKEN": server.token}


def says(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that went well printed."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.rstrip("\n")


def complains(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """What a command that failed complained of, on one line."""
    assert done.returncode == code, done
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.stderr.removeprefix("error: ").rstrip("\n")


@contextmanager
def tailing(server: Server, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`stoppress tail`, running; it is connected once a first event was seen."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stoppress", "tail", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(server),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_post_is_published_edited_and_withdrawn(server: Server, run: Run) -> None:
    """The whole life of a post, by commands alone."""
    slug = server.new_feed()
    done = run(
        *("publish", slug, "The **bridge** is open.", "--headline", "Open"),
        *("--key", "--pin", "--tag", "traffic", "--tag", "bridge"),
        *("--author", "Ann Ash <https://ann.example>", "--author", "Bo Beech"),
        *(
            "--source",
            "City desk",
            "--location",
            "Pier 3",
            "--external-id",
            "cms-7",
            "--json",
        ),
    )
    made = json.loads(says(done))
    post = made["post"]
    assert made["cursor"].endswith("-1")
    assert post["headline"] == "Open" and "<strong>bridge</strong>" in post["html"]
    assert post["key"] and post["pinned"] and "breaking" not in post
    assert post["tags"] == ["traffic", "bridge"]
    assert post["authors"][0] == {"name": "Ann Ash", "url": "https://ann.example"}
    assert post["authors"][1]["name"] == "Bo Beech"
    assert post["location"] == "Pier 3"
    assert post["source"]["name"] == "City desk" and post["external_id"] == "cms-7"

    said = says(run("edit", slug, post["id"], "--no-pin", "--correction", "Not yet."))
    assert said.split()[0] == post["id"]
    now = server.request("GET", f"/v1/feeds/{slug}/posts/{post['id']}").json()
    assert "pinned" not in now and now["correction"]["note"] == "Not yet."
    assert now["body"] == post["body"]

    assert says(run("withdraw", slug, post["id"])) == f"withdrew {post['id']}"
    assert "withdrawn" in complains(run("edit", slug, post["id"], "again"))


def test_text_is_read_from_stdin(server: Server, run: Run, feed: str) -> None:
    """`-` reads it, in any script."""
    ident = says(run("publish", feed, "-", stdin="Köprü açıldı.\n\nثاني\n")).split()[0]
    post = server.request("GET", f"/v1/feeds/{feed}/posts/{ident}").json()
    assert post["body"] == "Köprü açıldı.\n\nثاني"


def test_a_repeated_publish_appends_one_event(run: Run, feed: str) -> None:
    """The same key gets the same answer."""
    again = ("publish", feed, "Once.", "--idempotency-key", "k1")
    assert says(run(*again)) == says(run(*again))
    assert "k1" in complains(run("publish", feed, "Else.", "--idempotency-key", "k1"))


def test_feeds_are_made_listed_changed_closed_and_deleted(run: Run) -> None:
    """The whole life of a feed."""
    made = says(
        run("feed", "create", "cli-life", "--title", "Life", "--language", "tr")
    )
    assert made.split()[:2] == ["cli-life", "live"]
    assert "slug 'cli-life' is taken" in complains(
        run("feed", "create", "cli-life", "--title", "Again")
    )
    says(run("feed", "edit", "cli-life", "--title", "New", "--visibility", "unlisted"))
    shown = json.loads(says(run("feed", "show", "cli-life")))["feed"]
    assert (shown["title"], shown["language"]) == ("New", "tr")
    assert "cli-life\tlive\tunlisted\tNew" in says(run("feed", "list")).splitlines()
    assert says(run("feed", "close", "cli-life")).split()[1] == "closed"
    says(run("feed", "delete", "cli-life", "--yes"))
    assert "there is no feed 'cli-life'" in complains(run("feed", "show", "cli-life"))


def test_deleting_a_feed_asks_for_confirmation(run: Run, feed: str) -> None:
    """Without --yes it asks; no answer means no."""
    assert run("feed", "delete", feed).returncode == 130
    says(run("feed", "show", feed))


def test_a_token_has_the_scopes_it_was_created_with(
    run: Run, server: Server, feed: str
) -> None:
    """Created, used, listed without its secret, revoked."""
    other = server.new_feed()
    secret = says(run("token", "create", "Bo", "--scope", "publish", "--feed", feed))
    says(run("publish", feed, "Mine.", "--token", secret))
    refused = complains(run("publish", other, "Not mine.", "--token", secret))
    assert "'publish'" in refused and other in refused
    listed = says(run("token", "list"))
    assert secret not in listed
    row = next(row for row in listed.splitlines() if f"\t{feed}\t" in row)
    ident = row.split("\t")[0]
    assert row.split("\t")[1:3] == ["Bo", "publish"]
    assert says(run("token", "revoke", ident)) == f"revoked {ident}"
    assert ident in complains(run("token", "revoke", ident))


@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
def test_tail_prints_one_event_per_line(
    server: Server, feed: str, transport: str
) -> None:
    """From a cursor on, then live."""
    first = server.publish(feed, "One")
    server.publish(feed, "Two\n\nof two", headline=None)
    arguments = (feed, "--since", first["cursor"], "--transport", transport)
    with tailing(server, *arguments) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline().endswith("  Two of two\n")
        third = server.publish(feed, "Three")
        line = tail.stdout.readline()
    cursor, _, kind, ident, text = line.rstrip().split("  ")
    assert (cursor, ident) == (third["cursor"], third["post"]["id"])
    assert (kind, text) == ("post.published", "Three")


def test_tail_prints_whole_messages_as_json(server: Server, feed: str) -> None:
    """One object per line, in the protocol's form."""
    first = server.publish(feed, "One")
    second = server.publish(feed, "Two")
    with tailing(server, feed, "--since", first["cursor"], "--json") as tail:
        assert tail.stdout is not None
        message = json.loads(tail.stdout.readline())
    assert message["cursor"] == second["cursor"]
    assert message["post"] == public(second["post"])


def test_tail_reports_a_reset(server: Server, feed: str) -> None:
    """A cursor of another epoch can't be continued; tail goes on from the head."""
    server.publish(feed, "One")
    with tailing(server, feed, "--since", "another-7") as tail:
        assert tail.stdout is not None
        assert "reset" in tail.stdout.readline()
        server.publish(feed, "Two")
        assert tail.stdout.readline().endswith("  Two\n")


@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
def test_tail_ends_with_its_feed(server: Server, transport: str) -> None:
    """It does not reconnect to a deleted feed."""
    feed = server.new_feed()
    first = server.publish(feed, "One")
    server.publish(feed, "Two")
    arguments = (feed, "--since", first["cursor"], "--transport", transport)
    with tailing(server, *arguments) as tail:
        assert tail.stdout is not None and tail.stderr is not None
        tail.stdout.readline()
        assert server.request("DELETE", f"/v1/feeds/{feed}").status_code == 204
        assert tail.stderr.readline().startswith("error: ")
        assert tail.wait(60) == 1


def test_settings_are_printed_with_their_meaning(run: Run) -> None:
    """Each with its current value; secrets are hidden."""
    done = run(
        "settings",
        STOPPRESS_BEAT_S="7",
        STOPPRESS_ADMIN_TOKEN="sp_hidden_0123456789abcdef",
    )
    rows = [row.split("\t") for row in says(done).splitlines()]
    table = {row[0]: row[1:] for row in rows}
    assert table["STOPPRESS_BEAT_S"][:2] == ["7", "s"]
    assert table["STOPPRESS_MAX_READERS"][2].endswith("0: no limit of ours")
    assert table["STOPPRESS_ADMIN_TOKEN"][0] == "(set)"
    assert "sp_hidden" not in done.stdout


def test_an_unknown_variable_causes_a_warning(
    run: Run, serving: Callable[..., Any], tmp_path: Path
) -> None:
    """At start, by the doctor and by the list of settings, with the nearest name."""
    warning = (
        "STOPPRESS_DRAIN_SECONDS is unknown and has no effect; "
        "did you mean STOPPRESS_DRAIN_S?"
    )
    for command in ("doctor", "settings"):
        done = run(command, STOPPRESS_DRAIN_SECONDS="1")
        assert done.returncode == 0
        assert done.stderr == f"warning: {warning}\n"
    with serving(tmp_path / "data", STOPPRESS_DRAIN_SECONDS="1") as server:
        assert f"stoppress.cli.serve_and_demo: {warning}\n" in server.log.read_text()


def test_the_doctor_reports_a_healthy_server_as_ok(run: Run) -> None:
    """Every line is ok."""
    lines = says(run("doctor")).splitlines()
    assert len(lines) >= 5 and all(line.startswith("ok ") for line in lines)


def test_the_doctor_reports_faults(run: Run) -> None:
    """An unknown token, and a server that does not answer."""
    done = run("doctor", "--token", "sp_nobody")
    assert done.returncode == 1 and "the token is unknown" in done.stdout
    done = run("doctor", "--url", _nowhere())
    assert done.returncode == 1 and "no answer from" in done.stdout


def _nowhere() -> str:
    """An address where nothing listens."""
    return f"http://127.0.0.1:{reserve_port()}"


def test_failures_print_one_line(run: Run, feed: str) -> None:
    """What failed, and often what to do; never a traceback."""
    nowhere = _nowhere()
    assert nowhere in complains(run("publish", feed, "x", "--url", nowhere))
    assert "no feed 'nothing'" in complains(run("tail", "nothing"))
    assert "no feed 'nothing'" in complains(run("publish", "nothing", "x"))
    assert "no post" in complains(run("withdraw", feed, "00000000000000"))
    assert "cursor 'x' is invalid" in complains(run("tail", feed, "--since", "x"))
    assert "token" in complains(run("publish", feed, "x", STOPPRESS_TOKEN=""))
    assert "headline" in complains(run("publish", feed))
    assert "headline" in complains(run("publish", feed, "x", "--headline", "x" * 301))
    assert "timezone" in complains(run("feed", "edit", feed, "--timezone", "Mars"))


def test_usage_errors_print_one_line_and_exit_2(run: Run, feed: str) -> None:
    """The line names `--help`."""
    assert "--help" in complains(run("publish"), 2)
    assert "nonsense" in complains(run("nonsense"), 2)
    assert "--bogus" in complains(run("serve", "--bogus"), 2)
    assert "nothing to change" in complains(run("edit", feed, "x"), 2)
    assert "STOPPRESS_PORT" in complains(run("serve", "--port", "http"), 2)
    assert "port=70000" in complains(run("serve", "--port", "70000"), 2)
    assert "url" in complains(run("feed", "list", "--url", "htp:/x y"), 2).lower()


def test_a_closed_pipe_ends_the_command_silently(server: Server, feed: str) -> None:
    """`stoppress tail | head -1` prints no error."""
    first = server.publish(feed, "One")
    server.publish(feed, "Two")
    with tailing(server, feed, "--since", first["cursor"]) as tail:
        assert tail.stdout is not None and tail.stderr is not None
        tail.stdout.readline()
        tail.stdout.close()
        server.publish(feed, "Three")
        assert tail.wait(60) == 1
        assert tail.stderr.read() == ""
        tail.stdout = None
