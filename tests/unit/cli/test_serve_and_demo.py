"""`stoppress serve` and `stoppress demo`."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest

from stoppress.cli import serve_and_demo
from stoppress.cli.program import run
from stoppress.setting_variables import describe
from stoppress.settings import Settings

TOKEN = "sp_a_token_of_the_demo_0123456789"


def test_every_setting_is_an_option() -> None:
    """Of both commands."""
    for command in (serve_and_demo.serve, serve_and_demo.demo):
        names = {parameter.name for parameter in command.params}
        assert {entry.name for entry in describe()} <= names


def test_a_server_that_can_not_start_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code of the supervisor."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert run(["serve", "--port", port, "--data", str(tmp_path / "data")]) == 2
    said = capsys.readouterr()
    assert said.out == "" and f"port {port}" in said.err


def test_other_commands_do_not_load_the_server() -> None:
    """It takes as long as all the rest of their start."""
    program = "import sys, stoppress.cli.program; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"redis", "uvicorn", "starlette", "jinja2"}


def test_the_demo_keeps_its_token(tmp_path: Path) -> None:
    """So that links and scripts go on working; for its owner alone."""
    data = tmp_path / "data"
    token = serve_and_demo._kept_token(data)
    assert token.startswith("sp_") and len(token) >= 20
    assert serve_and_demo._kept_token(data) == token
    assert (data / "token").stat().st_mode & 0o077 == 0


def test_data_that_can_not_be_kept_is_misuse(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(click.UsageError, match="is unusable"):
        serve_and_demo._kept_token(tmp_path / "data")


@pytest.mark.parametrize(("port", "needs_url"), [(8000, False), (8123, True)])
def test_the_welcome_can_be_copied(port: int, needs_url: bool) -> None:
    """The command it shows finds the server."""
    settings = Settings(port=port, admin_token=TOKEN)
    reported = serve_and_demo._welcome(settings, "flood")
    assert f"{settings.base}/live/flood" in reported and f"--token {TOKEN}" in reported
    assert ("--url" in reported) is needs_url


def test_the_printed_command_is_the_one_that_was_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the same folder, as it was called."""
    for called, again in (
        ("/x/stoppress/__main__.py", "python -m stoppress"),
        (str(Path.cwd() / "bin" / "stop press"), "'bin/stop press'"),
    ):
        monkeypatch.setattr("sys.argv", [called])
        assert serve_and_demo._program() == again


def test_secrets_on_the_command_line_are_warned_of() -> None:
    """By the name of what to use, without the secret."""
    given = {
        "admin_token": "sp_secret_0123456789abc",
        "oidc_client_secret": "s3cr3t",
        "redis": "redis://:s3cr3t@store.example",
        "host": "127.0.0.1",
    }
    reported = serve_and_demo.shown_in_ps(given)
    named = ("ADMIN_TOKEN_FILE", "OIDC_CLIENT_SECRET_FILE", "REDIS")
    assert len(reported) == len(named)
    for warning, name in zip(reported, named, strict=True):
        assert f"use STOPPRESS_{name} instead" in warning
        assert "cr" not in warning.replace("secret", "")
    assert serve_and_demo.shown_in_ps({"redis": "redis://store.example"}) == []
