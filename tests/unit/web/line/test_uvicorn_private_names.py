"""The names of uvicorn that we use are there, and no others are used."""

from __future__ import annotations

import inspect
import re

import uvicorn

from stoppress.web.line import pending_upgrade
from stoppress.web.line.http_protocol import LiveHttp
from stoppress.web.line.takeover import LiveWebSocket
from stoppress.web.line.uvicorn_private_names import PRIVATE_NAMES


def test_the_private_names_exist() -> None:
    """The takeover relies on these private names of uvicorn's minor version."""
    assert uvicorn.__version__.startswith("0.54.")
    for owner, names in PRIVATE_NAMES.items():
        source = inspect.getsource(owner)
        for name in names:
            assert hasattr(owner, name) or f"self.{name}" in source, (owner, name)


def test_everything_private_that_is_used_is_listed() -> None:
    """PRIVATE_NAMES holds each private name that the takeover uses."""
    listed = {name for names in PRIVATE_NAMES.values() for name in names}
    source = inspect.getsource(pending_upgrade)
    reached = set(re.findall(r"\b_?(?:http|library)\.([a-z]\w*)", source))
    assert reached <= listed | {"answer", "end", "httptools_impl"}
    own = {"take", "_early", "_segment", "_fields", "_start_stream", "_upgrade"}
    own |= {
        "arrival_queue",
        "was_queued",
        "when_admitted",
        "queued_live_request",
        *("queued_request", "request_queues", "has_turn", "_when_its_turn"),
        "head_limits",
        "_head_bytes",
        "_is_in_head",
        "_check_head",
        "_expects_head",
        "last_refusal",
        "_after_head",
        "_on_half_close",
        "_is_half_closed",
        "_unparsed",
        "on_half_close",
        "refusals",
        "unread_answers",
        "_postponed",
        *("is_closing", "end", "_is_ended", "lingering_close"),
        *("_connection", "_lingering_close"),
    }
    for owner in (LiveWebSocket, LiveHttp):
        source = inspect.getsource(owner)
        used = {
            part.split("(")[0].split(".")[0].split("[")[0].strip(" ,:=)")
            for part in source.replace("super().", "self.").split("self.")[1:]
        }
        names = {name.split()[0].split("\n")[0] for name in used if name}
        assert {name for name in names if name.isidentifier()} <= listed | own | {
            "request"
        }
