"""What an editor does over the API: repeated safely."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from stoppress.demo import api_editor
from stoppress.demo.api_editor import FIRST_RETRY_S, MAX_RETRY_S, UNSETTLED

pytestmark = pytest.mark.asyncio

EDITOR = next(
    kind for kind in vars(api_editor).values() if hasattr(kind, "change_feed")
)
REFUSED: Any = next(
    kind
    for kind in vars(api_editor).values()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and kind.__module__ == api_editor.__name__
)
POST = {"id": "p1", "rev": 3, "published_at": "2026-11-28T10:00:00Z"}


class Clock:
    """Notes how long it is slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 11, 28, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Server:
    """Answers in turn; an answer of None is a connection that breaks."""

    def __init__(self, *answers: tuple[int, Any] | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []
        self.clock = Clock()
        self.editor = EDITOR(self.call, self.clock, lambda: 1.0)

    async def call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, object]:
        self.asked.append((method, path, headers))
        answer = self.answers.pop(0)
        if answer is None:
            raise ConnectionResetError
        return answer


async def test_an_open_outcome_is_settled_under_one_key() -> None:
    """After waits that grow up to a bound."""
    away = [(status, None) for status in sorted(UNSETTLED)]
    server = Server((200, POST), (503, None), None, *away, (204, None))
    await server.editor.withdraw("x", "p1")
    keys = {headers.get("Idempotency-Key") for _, _, headers in server.asked[1:]}
    assert len(keys) == 1 and None not in keys
    assert server.clock.slept[:3] == [
        FIRST_RETRY_S,
        2 * FIRST_RETRY_S,
        4 * FIRST_RETRY_S,
    ]
    assert max(server.clock.slept) <= MAX_RETRY_S


async def test_the_same_act_has_the_same_key_after_a_restart() -> None:
    """And another act another."""
    keys = []
    for post in ("p1", "p1", "p2"):
        server = Server((200, POST), (204, None))
        await server.editor.withdraw("x", post)
        keys.append(server.asked[-1][2]["Idempotency-Key"])
    assert keys[0] == keys[1] != keys[2]


async def test_a_stale_edit_reads_the_post_again() -> None:
    """The change is made to what is there now."""
    server = Server(
        (200, POST), (412, None), (200, POST | {"rev": 4}), (200, {"post": POST})
    )
    assert await server.editor.edit("x", "p1", {"headline": "Dry"})
    named = [headers.get("If-Match") for _, _, headers in server.asked]
    assert named == [None, '"3"', None, '"4"']


async def test_a_missing_post_is_neither_edited_nor_withdrawn() -> None:
    for status in (404, 410):
        assert not await Server((status, None)).editor.edit("x", "p1", {})
        await Server((status, None)).editor.withdraw("x", "p1")


async def test_a_correction_is_made_once() -> None:
    """Making it again would say it twice."""
    noted = POST | {"correction": {"note": "Tuesday", "at": "2026-11-28T10:00:00Z"}}
    server = Server((200, noted))
    assert await server.editor.edit("x", "p1", {"correction": {"note": "Tuesday"}})
    assert [method for method, _, _ in server.asked] == ["GET"]


async def test_a_refusal_is_told_with_its_answer() -> None:
    """Repeating it would change nothing."""
    server = Server((403, {"detail": "no"}))
    with pytest.raises(REFUSED, match="refused with 403") as refused:
        await server.editor.change_feed("x", {"title": "Dry"})
    assert refused.value.status == 403 and server.clock.slept == []
