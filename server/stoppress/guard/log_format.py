"""The form of log lines: text, or one JSON object per line.

Rules:
- A record's `fields` (`extra={"fields": {…}}`), its `reason` and the running request's
  id are members of the JSON object, and follow the message as `name=value` in text.
- Texts with the form of a secret are replaced, in messages and tracebacks too: tokens,
  JWTs, Authorization values and parameters with secrets.
- One line per record in text too, except tracebacks, whose lines are indented: no text
  of a stranger begins a line. Control characters are escaped in both, those of C1 too,
  which terminals obey.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from stoppress.guard.request_context import CURRENT

_SECRETS = re.compile(
    r"\b(sp_)[\w-]{8,}"
    r"|\b((?-i:eyJ))[\w-]{16,}(?:\.[\w.-]+)?"
    r"|\b((?:bearer|basic)\s+)[^\s'\",]+"
    r"|((?:token|ticket|client_secret|password|secret)=)[^\s&'\",]+"
    r"|(//[^\s/@:]*:)[^\s/@]+(?=@)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = re.compile(r"[\w./:+@=,~%-]+")


def redact(text: str) -> str:
    """The text with "…" in place of texts with the form of a secret."""
    return _SECRETS.sub(lambda found: "".join(filter(None, found.groups())) + "…", text)


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    """The fields of a line beside its message: `fields`, `reason`, the request's id."""
    fields: dict[str, object] = dict(getattr(record, "fields", {}))
    if (reason := getattr(record, "reason", None)) is not None:
        fields.setdefault("reason", reason)
    if (context := CURRENT.get()) is not None:
        fields.setdefault("request_id", context.id)
    return fields


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class TextFormatter(logging.Formatter):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s [%(process)d] %(name)s: %(message)s"
        )

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without a traceback."""
        line = _escaped(super().formatMessage(record))
        for name, value in _fields(record).items():
            shown = _escaped(str(value))
            line += f" {name}={shown if _PLAIN.fullmatch(shown) else repr(shown)}"
        return line

    def formatException(self, ei: Any) -> str:
        """A traceback; what an exception says may be a stranger's text."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {_escaped(line)}" for line in lines)

    def format(self, record: logging.LogRecord) -> str:
        """The whole record."""
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole record."""
        at = datetime.fromtimestamp(record.created, UTC)
        members: dict[str, object] = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": redact(record.getMessage()),
        }
        for name, value in _fields(record).items():
            members[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            members["traceback"] = redact(self.formatException(record.exc_info))
        # They occur in texts only, where JSON allows an escape.
        text = msgspec.json.encode(members).decode()
        return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def set_up(log_format: str) -> None:
    """Log from INFO on to standard error, in this format."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
