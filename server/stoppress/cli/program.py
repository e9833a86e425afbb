"""All commands under one name, and how failures are printed."""

from __future__ import annotations

import os
import sys

import click

from stoppress import __version__
from stoppress.cli.audit import audit
from stoppress.cli.bench import bench
from stoppress.cli.feeds import feed
from stoppress.cli.import_export import export, import_
from stoppress.cli.posts import edit, publish, put, restore, takedown, withdraw
from stoppress.cli.print_settings_and_check_server import doctor, settings
from stoppress.cli.serve_and_demo import NotServed, demo, serve
from stoppress.cli.sign_inbox_entry import sign
from stoppress.cli.tail import tail
from stoppress.cli.tokens import token
from stoppress.client.api_errors import InvalidArgument
from stoppress.client.reader import LineRefused
from stoppress.domain.errors import StopPressError
from stoppress.settings import BadSetting

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="stoppress %(version)s")
def stoppress() -> None:
    """A real-time push server for live blogs."""


for command in (
    *(serve, demo, feed, publish, edit, put, withdraw, restore, takedown),
    *(sign, tail, export, import_, token, audit, settings, doctor, bench),
):
    stoppress.add_command(command)


def main() -> None:
    """Run the command line."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        code = stoppress.main(arguments, "stoppress", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as help:
        click.echo(help.format_message())
        return 2
    except click.UsageError as error:
        where = f"; see {error.ctx.command_path} --help" if error.ctx else ""
        return _fail(error.format_message().rstrip(".") + where, error.exit_code)
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except NotServed as error:
        return _fail(str(error), error.code)
    except (BadSetting, InvalidArgument) as error:
        return _fail(str(error), 2)
    except (StopPressError, LineRefused) as error:
        return _fail(str(error), 1)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it. Nothing more may be written.
        _drop_output()
        return 1
    except UnicodeEncodeError as error:
        return _unencodable(error)
    except OSError as error:
        # Such as a full disk, on which the end of the process would fail again.
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        about = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{about}", 1)
    except Exception as error:
        return _fail(f"internal error: {type(error).__name__}: {error}", 1)
    return code if isinstance(code, int) else 0


def _unencodable(error: UnicodeEncodeError) -> int:
    character = error.object[error.start]
    # Bytes of the command line that are not UTF-8 come as surrogates.
    if "\ud800" <= character <= "\udfff":
        return _fail(f"an argument is not UTF-8: {error.object!a}", 2)
    return _fail(
        f"the output's encoding, {error.encoding}, has no {character!a}: use UTF-8, "
        "such as by PYTHONUTF8=1",
        1,
    )


def _drop_output() -> None:
    """Let nothing more be written to stdout."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(reason: str, code: int) -> int:
    click.echo(f"error: {' '.join(reason.split())}", err=True)
    return code
