"""Every refusal is a problem document, and says what to do."""

from __future__ import annotations

import json
import logging
from typing import Any

import msgspec
import pytest

from stoppress.domain import draft_errors, errors
from stoppress.guard.request_context import CURRENT, RequestContext
from stoppress.web.problems import MEDIA_TYPE, answer
from tests.unit.web.desk_harness import BASE, open_harness

POST = b'{"id":"01","headline":"x","rev":3}'
FEED = b'{"slug":"quay","title":"x","rev":3}'
PUBLIC_POST = {
    "id": "01",
    "url": f"{BASE}/live/quay/01",
    "headline": "x",
    "rev": 3,
}

CASES: list[tuple[errors.StopPressError, int, dict[str, Any]]] = [
    (errors.BrokenJson("expecting value", 2, 7), 400, {"line": 2, "column": 7}),
    (errors.MalformedCursor("x"), 400, {}),
    (errors.Malformed("what"), 400, {}),
    (errors.Invalid("a.b", "is wrong"), 422, {"field": "a.b"}),
    (errors.UnfitPicture("kind", "this is a PDF"), 415, {}),
    (errors.UnfitPicture("broken", "it is damaged"), 422, {"field": "file"}),
    (errors.NotFound("quay"), 404, {}),
    (errors.NotFound("quay", "01"), 404, {}),
    (errors.Gone("quay", "01", 2), 410, {}),
    (errors.TakenDown("quay", "01", 2), 410, {}),
    (draft_errors.NoDraft("quay", "01"), 404, {}),
    (draft_errors.NoComment("quay", "01"), 404, {}),
    (errors.NoWebhook("quay", "01"), 404, {}),
    (errors.NoTemplate("t1"), 404, {}),
    (errors.NoDeadLetter("quay", "01"), 404, {}),
    (draft_errors.DraftGone("quay", "01", 2), 410, {}),
    (draft_errors.DraftGone("quay", "01", 2, "02"), 410, {"post": {"id": "02"}}),
    (draft_errors.OnlyForEditors("it is approved", "quay"), 403, {"scope": "publish"}),
    (draft_errors.SecondPersonNeeded(), 403, {}),
    (errors.NothingToRestore("01"), 409, {}),
    (draft_errors.TooManyDrafts(1000), 409, {}),
    (errors.SlugTaken("quay"), 409, {}),
    (errors.ExternalIdTaken("e", "01", POST), 409, {"post": PUBLIC_POST}),
    (
        errors.ExternalIdTaken("e", "01", None),
        409,
        {"post": {"id": "01", "withdrawn": True}},
    ),
    (errors.IdempotencyKeyReused("k"), 422, {}),
    (errors.SecretShownOnce(b'{"id":"t"}'), 409, {"token": {"id": "t"}}),
    (errors.DeletedSince("token", "t"), 410, {}),
    (errors.DeletedSince("webhook", "h"), 410, {}),
    (errors.StaleRevision(1, 3, POST), 412, {"current": PUBLIC_POST}),
    (
        errors.StaleNotes("p", "a1", b'{"notes":"N"}'),
        412,
        {"current": {"notes": "N"}},
    ),
    (errors.PinMoved(), 409, {}),
    (errors.Unauthenticated(), 401, {}),
    (errors.MissingScope("manage", "quay"), 403, {"scope": "manage"}),
    (errors.Refused("no"), 403, {}),
    (errors.TooMany("writes", 2.5), 429, {}),
    (errors.Unavailable("Redis is away", 3), 503, {}),
    (errors.Damaged("quay", "WRONGTYPE"), 503, {}),
]


@pytest.mark.parametrize(
    ("error", "status", "more"), CASES, ids=lambda v: type(v).__name__
)
def test_a_domain_error_is_a_problem(
    error: errors.StopPressError, status: int, more: dict[str, Any]
) -> None:
    """Status, place and what is there now."""
    response = answer(error, BASE, "quay")
    assert response.status_code == status
    assert response.headers["content-type"] == MEDIA_TYPE
    cache = "private, no-store" if more.keys() & {"post", "current"} else "no-store"
    assert response.headers["cache-control"] == cache
    document = json.loads(bytes(response.body))
    assert document["status"] == status
    assert document["type"].startswith("urn:stop-press:problem:")
    assert document["title"] and str(error) in document["detail"]
    rest = set(document) - {"type", "title", "status", "detail"}
    assert {name: document[name] for name in rest} == more


def test_a_missing_right_is_the_operators_matter() -> None:
    """Editors are told that nothing happened, and not which right it is."""
    response = answer(errors.NotPermitted("+xadd on stoppress:{quay}:log"), BASE)
    document = json.loads(bytes(response.body))
    assert response.status_code == 503 and response.headers["retry-after"]
    assert "nothing was changed" in document["detail"]
    assert "xadd" not in document["detail"] and "unknown" not in document["detail"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH"])
def test_a_read_is_told_nothing_of_writes(method: str) -> None:
    """What is to be done after a 503 depends on what was asked."""
    token = CURRENT.set(RequestContext("1", "::1", method, "/v1/feeds/quay"))
    try:
        response = answer(errors.Unavailable("Redis is away", 3), BASE)
    finally:
        CURRENT.reset(token)
    detail = json.loads(bytes(response.body))["detail"]
    assert ("Idempotency-Key" in detail) == (method == "PATCH")
    assert "again" in detail or "repeat" in detail


def test_every_domain_error_has_a_case() -> None:
    """A new error needs a status; Gap is never sent to a client.

    A subclass outside the domain is answered like the error it derives from.
    """

    def leaves(kind: type[errors.StopPressError]) -> set[type[errors.StopPressError]]:
        below = [each for each in kind.__subclasses__() if is_of_domain(each)]
        return set().union(*map(leaves, below)) | {kind} if below else {kind}

    def is_of_domain(kind: type[errors.StopPressError]) -> bool:
        return kind.__module__ in (errors.__name__, draft_errors.__name__)

    covered = {type(error) for error, _, _ in CASES} | {errors.NotPermitted}
    missing = leaves(errors.StopPressError) - covered
    assert missing <= {errors.StopPressError, errors.Conflict, errors.Gap}


def test_some_problems_have_headers() -> None:
    """What a client acts on without reading."""
    assert answer(errors.Unavailable("x", 3), BASE).headers["retry-after"] == "3"
    unknown = answer(errors.Unauthenticated(), BASE)
    assert unknown.headers["www-authenticate"] == 'Bearer realm="stop-press"'
    assert answer(errors.StaleRevision(1, 3, FEED), BASE).headers["etag"] == '"3"'


def test_a_fault_of_ours_shows_nothing_of_the_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A reference leads to the log, which holds it all."""
    with caplog.at_level(logging.ERROR, "stoppress.web"):
        response = answer(RuntimeError("password is hunter2"), BASE)
    text = bytes(response.body).decode()
    assert response.status_code == 500 and "hunter2" not in text
    assert json.loads(text)["reference"] in caplog.text and "hunter2" in caplog.text


@pytest.mark.asyncio
async def test_unknown_addresses_and_faults_are_problem_documents(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """404 for no address, 500 for a fault in a handler."""
    async with open_harness() as harness:
        for path in ("/", "/v1", "/v2/feeds", "/v1/feeds/a/b/c/d"):
            answer = await harness.public.get(path)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == MEDIA_TYPE

        async def fail() -> list[bytes]:
            raise RuntimeError("hunter2")

        monkeypatch.setattr(harness.store, "feeds", fail)
        answer = await harness.public.get("/v1/feeds")
        assert answer.status_code == 500 and "hunter2" not in answer.text


@pytest.mark.asyncio
async def test_redis_away_is_503_on_every_write() -> None:
    """With Retry-After, and what to do about the unknown outcome."""
    async with open_harness() as harness:
        await harness.feed()
        harness.store.away = True
        for method, path, given in (
            ("POST", "/v1/feeds", {"slug": "b", "title": "x"}),
            ("PATCH", "/v1/feeds/quay", {"title": "y"}),
            ("DELETE", "/v1/feeds/quay", {}),
            ("POST", "/v1/feeds/quay/posts", {"body": "x"}),
            ("PATCH", "/v1/feeds/quay/posts/x", {"body": "x"}),
            ("DELETE", "/v1/feeds/quay/posts/x", {}),
            ("POST", "/v1/tokens", {"scopes": ["read"]}),
        ):
            answer = await harness.client.request(
                method, path, json=given, headers={"if-match": "*"}
            )
            assert answer.status_code == 503, (method, path)
            assert int(answer.headers["retry-after"]) >= 1
            assert "Idempotency-Key" in answer.json()["detail"]


@pytest.mark.parametrize(
    "error",
    [
        errors.Damaged("quay", "a secret value"),
        msgspec.DecodeError("a secret value"),
        RecursionError("a secret value"),
        errors.StaleRevision(1, 3, b"{a secret value"),
        errors.ExternalIdTaken("e", "01", b"\xff"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_damaged_data_is_503_and_the_reason_is_in_the_log_alone(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the current state was to be shown; stored values are not."""
    response = answer(error, BASE, "quay")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "30"
    assert b"secret" not in response.body
    assert b"the feed 'quay' is damaged" in response.body
    (logged,) = caplog.messages
    assert logged.startswith("the stored data of the feed 'quay' is damaged: ")
