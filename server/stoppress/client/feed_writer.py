"""Publishes, edits and withdraws posts of one feed, synchronously and with asyncio.

    with FeedWriter("http://127.0.0.1:8000", "harbour-flood", token) as writer:
        made = writer.publish({"headline": "Bridge closed"})
        writer.edit(made.post["id"], {"key": True})

Rules: each call has an Idempotency-Key and is repeated under it (`api_session.py`), so
no reader sees it twice. What a post may contain is in `docs/api.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx

from stoppress.client.api_session import (
    REPEAT_FOR_S,
    ApiRequest,
    ApiSession,
    AsyncApiSession,
    decoded,
    not_stop_press,
)
from stoppress.client.check_arguments import path_segment

Fields = Mapping[str, object]


class WriteResult(NamedTuple):
    """The current post, the cursor of the write, and whether it created the post.

    `post` is `{"id": …, "withdrawn": True}` if a repeated write finds it withdrawn.
    """

    post: Mapping[str, Any]
    cursor: str
    created: bool


class _Requests:
    """The requests about posts of one feed."""

    def __init__(self, feed: str) -> None:
        self._feed = f"/v1/feeds/{path_segment(feed, 'feed')}"

    def publish(self, fields: Fields, key: str | None) -> ApiRequest:
        return ApiRequest.write(
            "POST", f"{self._feed}/posts", fields, idempotency_key=key
        )

    def read(self, post: str) -> ApiRequest:
        return ApiRequest("GET", self._post(post))

    def edit(
        self, post: str, changes: Fields, rev: int | None, key: str | None
    ) -> ApiRequest:
        return ApiRequest.write(
            "PATCH",
            self._post(post),
            changes,
            idempotency_key=key,
            match="*" if rev is None else f'"{rev}"',
        )

    def withdraw(self, post: str, rev: int | None, key: str | None) -> ApiRequest:
        return ApiRequest.write(
            "DELETE",
            self._post(post),
            idempotency_key=key,
            match=None if rev is None else f'"{rev}"',
        )

    def put_external(
        self, external_id: str, fields: Fields, rev: int | None, key: str | None
    ) -> ApiRequest:
        return ApiRequest.write(
            "PUT",
            self._external(external_id),
            fields,
            idempotency_key=key,
            match=None if rev is None else f'"{rev}"',
        )

    def withdraw_external(
        self, external_id: str, rev: int | None, key: str | None
    ) -> ApiRequest:
        return ApiRequest.write(
            "DELETE",
            self._external(external_id),
            idempotency_key=key,
            match=None if rev is None else f'"{rev}"',
        )

    def _post(self, post: str) -> str:
        return f"{self._feed}/posts/{path_segment(post, 'post')}"

    def _external(self, external_id: str) -> str:
        return f"{self._feed}/external/{path_segment(external_id, 'external_id')}"


class FeedWriter:
    """Writes to one feed. Use it as a context manager, or close it.

    Each method raises `RequestRefused`, with the server's problem document, or, after
    `repeat_for_s` seconds of attempts, `OutcomeUnknown` with the `idempotency_key` to
    repeat it under. `rev` is the revision that the change replaces (None: any);
    another one is refused with status 412.
    """

    def __init__(
        self,
        url: str,
        feed: str,
        token: str,
        *,
        repeat_for_s: float = REPEAT_FOR_S,
    ) -> None:
        self._session = ApiSession(url, token, repeat_for_s=repeat_for_s)
        self._requests = _Requests(feed)

    def publish(
        self, fields: Fields, *, idempotency_key: str | None = None
    ) -> WriteResult:
        """Publish a post."""
        request = self._requests.publish(fields, idempotency_key)
        return _result(self._session.send(request))

    def read(self, post: str) -> Mapping[str, Any]:
        """The current post, with the members that only editors get."""
        return _post(self._session.send(self._requests.read(post)))

    def edit(
        self,
        post: str,
        changes: Fields,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> WriteResult:
        """Merge fields into a post (RFC 7396)."""
        request = self._requests.edit(post, changes, rev, idempotency_key)
        return _result(self._session.send(request))

    def withdraw(
        self,
        post: str,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Withdraw a post."""
        self._session.send(self._requests.withdraw(post, rev, idempotency_key))

    def put_external(
        self,
        external_id: str,
        fields: Fields,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> WriteResult:
        """Create the post with this external id, or merge the fields into it."""
        request = self._requests.put_external(external_id, fields, rev, idempotency_key)
        return _result(self._session.send(request))

    def withdraw_external(
        self,
        external_id: str,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Withdraw the post with this external id."""
        self._session.send(
            self._requests.withdraw_external(external_id, rev, idempotency_key)
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> FeedWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncFeedWriter:
    """`FeedWriter` for asyncio."""

    def __init__(
        self,
        url: str,
        feed: str,
        token: str,
        *,
        repeat_for_s: float = REPEAT_FOR_S,
    ) -> None:
        self._session = AsyncApiSession(url, token, repeat_for_s=repeat_for_s)
        self._requests = _Requests(feed)

    async def publish(
        self, fields: Fields, *, idempotency_key: str | None = None
    ) -> WriteResult:
        """Publish a post."""
        request = self._requests.publish(fields, idempotency_key)
        return _result(await self._session.send(request))

    async def read(self, post: str) -> Mapping[str, Any]:
        """The current post, with the members that only editors get."""
        return _post(await self._session.send(self._requests.read(post)))

    async def edit(
        self,
        post: str,
        changes: Fields,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> WriteResult:
        """Merge fields into a post (RFC 7396)."""
        request = self._requests.edit(post, changes, rev, idempotency_key)
        return _result(await self._session.send(request))

    async def withdraw(
        self,
        post: str,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Withdraw a post."""
        await self._session.send(self._requests.withdraw(post, rev, idempotency_key))

    async def put_external(
        self,
        external_id: str,
        fields: Fields,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> WriteResult:
        """Create the post with this external id, or merge the fields into it."""
        request = self._requests.put_external(external_id, fields, rev, idempotency_key)
        return _result(await self._session.send(request))

    async def withdraw_external(
        self,
        external_id: str,
        *,
        rev: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Withdraw the post with this external id."""
        await self._session.send(
            self._requests.withdraw_external(external_id, rev, idempotency_key)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def __aenter__(self) -> AsyncFeedWriter:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _post(response: httpx.Response) -> Mapping[str, Any]:
    """The post in the answer. Raises RequestRefused."""
    post = decoded(response)
    if not isinstance(post, dict) or "id" not in post:
        raise not_stop_press(response, "its answer has no post")
    return post


def _result(response: httpx.Response) -> WriteResult:
    """What a write made. Raises RequestRefused."""
    match decoded(response):
        case {"post": {"id": _}, "cursor": str(cursor)} as answer:
            return WriteResult(
                answer["post"], cursor, created=response.status_code == 201
            )
    raise not_stop_press(response, "its answer has no post")
