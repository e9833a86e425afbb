"""Whether a request wants an event stream, by its Accept headers (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterable

_STREAM = "text/event-stream"
_JSON = ("application/json", "application/*", "*/*")


def accepts_event_stream(accept: Iterable[str]) -> bool:
    """Whether these Accept headers name an event stream, and do not prefer JSON.

    A wildcard that matches both is no preference, and JSON is the default then;
    `text/*` matches only the stream.
    """
    weights: dict[str, float] = {}
    for header in accept:
        for member in header.split(","):
            name, *parameters = (part.strip().lower() for part in member.split(";"))
            weights[name] = _weight(parameters)
    stream = weights.get(_STREAM, weights.get("text/*", 0.0))
    json = next((weights[name] for name in _JSON if name in weights), 0.0)
    return stream > 0 and stream >= json


def _weight(parameters: Iterable[str]) -> float:
    """The value of `q`: 1 if there is none, 0 if it is not a number."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
