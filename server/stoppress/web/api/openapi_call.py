"""The description of one call of the API, and the refusals that calls share."""

from __future__ import annotations

from dataclasses import dataclass

MERGE_PATCH = "application/merge-patch+json"

RESPONSES = {
    "400": ("Malformed", "invalid JSON (with line and column), or an invalid cursor"),
    "401": ("NoToken", "the token is missing or unknown"),
    "403": ("Refused", "the token lacks a scope, which `scope` names"),
    "404": ("NotFound", "no such feed or post"),
    "408": ("SlowBody", "the body did not arrive in time"),
    "409": (
        "Conflict",
        "a name is taken, a limit reached, or a secret was shown once",
    ),
    "410": (
        "Withdrawn",
        "the post, the draft, or what the key made, is no longer there",
    ),
    "412": ("StaleRevision", "If-Match is not the current revision; `current` is"),
    "413": ("TooLong", "the body is longer than `limit` bytes"),
    "415": ("NotJson", "the body has an unsupported type, or is compressed"),
    "422": ("Invalid", "a field is unknown or invalid (`field`), or a key reused"),
    "426": ("Upgrade", "this address needs a WebSocket upgrade"),
    "428": ("NoRevision", "If-Match is needed"),
    "429": ("TooMany", "a limit is reached; try again after Retry-After"),
    "503": ("Unavailable", "temporarily unavailable; retry after Retry-After"),
}
"""The refusals by status: name and description."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """An operation: one method of one address."""

    name: str
    method: str
    path: str
    summary: str
    answers: dict[str, tuple[str, str]]
    """By status: what it means, and the schema (after its media type) or ""."""
    refusals: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    takes: str = ""
    takes_type: str = "application/json"
    takes_bytes: tuple[str, ...] = ()
    """The types of the form's file, which may be sent without a form instead."""
    may_be_empty: bool = False
    """Whether a request without a body counts as one with an empty object."""
    scope: str = ""


UNCHANGED = ("nothing changed since If-None-Match", "")
"""The answer 304 of a call that reads."""
READ = ("401", "404", "429", "503")
"""Refusals of every call that reads a feed."""
WRITE = ("400", "401", "403", "404", "422", "429", "503")
"""Refusals of every call that writes."""
BODY = ("408", "413", "415")
"""Further refusals of a call with a body."""
