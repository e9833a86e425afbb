"""Log lines: one per record, without secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from stoppress.guard import log_format
from stoppress.guard.log_format import JsonFormatter, TextFormatter, redact

TOKEN = "sp_abcdefghijklmnopqrstuvwxyz012345"
JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


def record(message: str, *args: object, **fields: object) -> logging.LogRecord:
    """One record."""
    made = logging.LogRecord("here", logging.INFO, "x.py", 1, message, args, None)
    if fields:
        made.fields = fields
    return made


@pytest.mark.parametrize(
    "text",
    [
        f"token {TOKEN} is unknown",
        f"Authorization: Bearer {JWT}",
        f"authorization: bearer {TOKEN}",
        "Authorization: Basic c2VjcmV0OnNlY3JldA==",
        "GET /v1/live?feed=x&token=c2VjcmV0OnNlY3JldA",
        "redis://user:c2VjcmV0OnNlY3JldA@host/0",
        "?ticket=c2VjcmV0OnNlY3JldA&x=1",
        JWT,
    ],
)
def test_a_text_like_a_secret_is_left_out(text: str) -> None:
    """Wherever it stands; the rest of the line stays."""
    shown = redact(text)
    for secret in (TOKEN[3:], JWT[3:], "c2VjcmV0OnNlY3JldA"):
        assert secret not in shown
    assert "…" in shown


def test_ordinary_words_stay() -> None:
    """A log that hides too much helps nobody."""
    text = "refused /v1/feeds/quay: the token lacks the scope 'publish' from 10.0.0.1"
    assert redact(text) == text


def test_a_json_line_has_the_fields() -> None:
    """As members, beside time, level, logger and message."""
    line = JsonFormatter().format(
        record("refused", reason="x", request_id="r", status=4)
    )
    read = json.loads(line)
    assert "\n" not in line
    assert read.keys() > {"at", "level", "logger", "process", "message"}
    assert (read["reason"], read["request_id"], read["status"]) == ("x", "r", 4)
    assert (read["message"], read["level"], read["logger"]) == (
        "refused",
        "info",
        "here",
    )


def test_a_text_line_has_them_behind_the_message() -> None:
    """Quoted where they hold spaces, escaped where they could forge a line."""
    line = TextFormatter().format(
        record("refused", reason="x", path="/a b\n2026 forged")
    )
    assert line.endswith("refused reason=x path='/a b\\\\x0a2026 forged'")
    assert "\n" not in TextFormatter().format(record("a\nb %s", "c\x1b[1m"))


def test_no_line_begins_with_a_stranger_s_text() -> None:
    """An exception may say what a client sent."""
    hostile = "x\n2026-11-29 INFO forged\x1b[2J\x9b2J\u2028"
    try:
        raise ValueError(hostile)
    except ValueError:
        made = record("failed %s", hostile, path=hostile)
        made.exc_info = sys.exc_info()
    first, *rest = TextFormatter().format(made).split("\n")
    assert "forged" in first and "  2026-11-29 INFO forged\\x1b[2J" in rest[-1]
    assert all(line.startswith("  ") for line in rest)
    line = JsonFormatter().format(made)
    for text in (first, *rest, line):
        assert text.isprintable()
    read = json.loads(line)
    assert read["path"] == hostile and read["message"] == f"failed {hostile}"


def test_a_traceback_holds_no_secret() -> None:
    """In neither form."""
    try:
        raise ValueError(f"bad {TOKEN}")
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    assert "Traceback" in json.loads(JsonFormatter().format(made))["traceback"]
    for form in (JsonFormatter(), TextFormatter()):
        assert TOKEN not in form.format(made)


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.parametrize(("name", "form"), [("json", "{"), ("text", "2")])
def test_the_root_logger_gets_it(
    name: str, form: str, root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """So every library's lines have it too."""
    log_format.set_up(name)
    logging.getLogger("another.library").warning("hello %s", TOKEN)
    said = capsys.readouterr().err
    assert said.startswith(form) and TOKEN not in said
