"""What a request offers beside ASGI."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from stoppress.web.line.asgi_request_extensions import request_extensions
from stoppress.web.line.takeover import HALF_CLOSED, TAKEOVER, UNCHUNKED
from stoppress.web.request_parsing import WHOLE


@pytest.mark.parametrize(("version", "ends"), [("1.0", True), ("1.1", False)])
def test_only_http_1_0_is_offered_an_answer_without_chunks(
    version: str, ends: bool
) -> None:
    """Its end is that of the connection."""
    http = SimpleNamespace(take=lambda *_: True, on_half_close=lambda _: None)
    cycle = SimpleNamespace(scope={"http_version": version}, chunked_encoding=None)
    offered = request_extensions(cast(Any, http), cast(Any, cycle))
    assert {WHOLE, TAKEOVER, HALF_CLOSED} <= set(offered)
    assert (UNCHUNKED in offered) is ends
    if ends:
        offered[UNCHUNKED]()
        assert cycle.chunked_encoding is False
