"""All commands under one name, and what any failure looks like."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from stoppress import __version__
from stoppress.cli import program
from stoppress.cli.program import INTERRUPTED, run, stoppress
from stoppress.client.api_errors import InvalidArgument
from stoppress.domain.errors import NotFound
from stoppress.settings import BadSetting

UNENCODABLE = UnicodeEncodeError
COMMANDS = "serve demo feed publish edit withdraw tail export import token settings"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """The exit code of a command that fails so."""

    def run_one(error: BaseException) -> int:
        @click.command("fail")
        def fail() -> None:
            raise error

        monkeypatch.setitem(stoppress.commands, "fail", fail)
        return run(["fail"])

    return run_one


def test_every_documented_command_exists() -> None:
    assert {*COMMANDS.split(), "doctor", "bench"} <= stoppress.commands.keys()


def every_option(command: click.Command, path: str = "") -> Iterator[tuple[str, str]]:
    """Each option of the command and those below it: its name, and its help."""
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from every_option(one, f"{path} {name}")
    for option in command.params:
        if isinstance(option, click.Option):
            yield f"{path} {option.opts[0]}", option.help or ""


def test_every_option_has_help() -> None:
    """A sentence; the name of an option alone explains none."""
    found = dict(every_option(stoppress))
    assert " feed edit --title" in found
    assert [
        name for name, said in found.items() if not said.endswith((".", "]", ")"))
    ] == []


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"stoppress {__version__}\n"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (click.UsageError("give more"), 2, "give more"),
        (click.ClickException("it is away."), 1, "it is away."),
        (BadSetting("beat=x is invalid"), 2, "beat=x is invalid"),
        (NotFound("x"), 1, "there is no feed 'x'"),
        (KeyError("a\nfault"), 1, "internal error: KeyError"),
        (InvalidArgument("id='..' is invalid"), 2, "id='..' is invalid"),
        (OSError(28, "No space left"), 1, "error: No space left\n"),
        (OSError(28, "No space left", "/x"), 1, "error: No space left: /x\n"),
        (UNENCODABLE("utf-8", "a\udcff", 1, 2, "no"), 2, "not UTF-8: 'a\\udcff'"),
        (UNENCODABLE("ascii", "é", 0, 1, "no"), 1, "encoding, ascii, has no '\\xe9'"),
    ],
)
def test_a_failure_is_one_line(
    error: Exception,
    code: int,
    text: str,
    failing: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On stderr, with an exit code; never a traceback."""
    assert failing(error) == code
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ")
    assert text in said.err and said.err.count("\n") == 1


def test_a_full_disk_is_one_line(
    failing: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is left in the buffer is dropped, else the end of the process fails."""

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left")

        def fileno(self) -> int:
            return file.fileno()

    with (tmp_path / "out").open("w") as file:
        monkeypatch.setattr("sys.stdout", Full())
        assert failing(OSError(errno.ENOSPC, "No space left")) == 1
        assert os.fstat(file.fileno()).st_rdev == os.stat(os.devnull).st_rdev
        monkeypatch.undo()
    assert capsys.readouterr().err == "error: No space left\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_says_nothing(
    error: BaseException,
    failing: Callable[[BaseException], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failing(error) == INTERRUPTED
    said = capsys.readouterr()
    assert (said.out, said.err.strip()) == ("", "")


def test_misuse_says_where_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["publish"]) == 2
    assert "see stoppress publish --help" in capsys.readouterr().err
    assert run([]) == 2
    assert "Commands:" in capsys.readouterr().out


def test_main_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the code of the command."""
    monkeypatch.setattr("sys.argv", ["stoppress", "nonsense"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 2
