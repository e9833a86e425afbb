"""Templates and notes over HTTP: who may, and that no reader gets any of it."""

from __future__ import annotations

import pytest

from tests.unit.web.desk_harness import open_harness

pytestmark = pytest.mark.asyncio


async def test_templates_are_the_newsroom_s() -> None:
    """Who drafts on any feed reads them, who publishes on any feed changes them."""
    async with open_harness() as harness:
        await harness.feed()
        editor = harness.reader(
            authorization=await harness.token("publish", feeds=["q"])
        )
        path, given = "/v1/templates/t1", {"name": "Kick-off", "post": {"key": True}}
        made = await editor.put(path, json=given)
        assert made.status_code == 200, made.text
        assert made.json()["post"] == {"key": True}
        drafter = harness.reader(
            authorization=await harness.token("draft", feeds=["q"])
        )
        listed = await drafter.get("/v1/templates")
        assert listed.json() == {"templates": [made.json()]}
        assert listed.headers["cache-control"] == "private, no-store"
        refused = await drafter.put(path, json=given)
        assert (refused.status_code, refused.json()["scope"]) == (403, "publish")
        reader = harness.reader(authorization=await harness.token("read"))
        assert (await reader.get("/v1/templates")).status_code == 403
        assert (await editor.delete(path)).status_code == 204
        assert (await editor.delete(path)).status_code == 404
        bad = {"idempotency-key": "k" * 201}
        assert (await editor.put(path, json=given, headers=bad)).status_code == 400


async def test_notes_are_in_no_answer_to_readers() -> None:
    """They are for callers that may publish there, and go with the post."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.post()).json()["post"]["id"]
        path = f"/v1/feeds/quay/posts/{post}/notes"
        assert (await harness.client.get(path)).json() == {}
        made = await harness.client.put(path, json={"notes": "Ask zyxwvut again."})
        assert made.json()["notes"] == "Ask zyxwvut again."
        assert (await harness.client.get(path)).json() == made.json()
        for client in (harness.public, harness.client):
            for shown in ("", "/posts", f"/posts/{post}"):
                answer = await client.get(f"/v1/feeds/quay{shown}")
                assert answer.status_code == 200 and "zyxwvut" not in answer.text
        revisions = await harness.client.get(f"/v1/feeds/quay/posts/{post}/revisions")
        assert "zyxwvut" not in revisions.text
        drafter = harness.reader(authorization=await harness.token("draft"))
        assert (await drafter.get(path)).status_code == 403
        assert (await harness.public.get(path)).status_code == 401
        await harness.client.delete(f"/v1/feeds/quay/posts/{post}")
        assert (await harness.client.get(path)).status_code == 410
        assert (await harness.client.put(path, json={"notes": "x"})).status_code == 410
        await harness.client.post(f"/v1/feeds/quay/posts/{post}/restore")
        assert (await harness.client.get(path)).json() == made.json()


async def test_notes_changed_meanwhile_are_refused() -> None:
    """By If-Match, as the ETag was received or as a proxy hands it back."""
    async with open_harness() as harness:
        await harness.feed()
        post = (await harness.post()).json()["post"]["id"]
        path = f"/v1/feeds/quay/posts/{post}/notes"

        async def put(notes: str, tag: str) -> tuple[int, str]:
            headers = {"if-match": tag}
            given = {"notes": notes}
            answer = await harness.client.put(path, json=given, headers=headers)
            return answer.status_code, answer.headers["etag"]

        none = (await harness.client.get(path)).headers["etag"]
        status, first = await put("A", none)
        assert (status, first) != (200, none)
        assert (await harness.client.get(path)).headers["etag"] == first
        assert await put("B", none) == (412, first)
        assert await put("B", '"*"') == (412, first)
        refused = await harness.client.put(
            path, json={"notes": "B"}, headers={"if-match": none}
        )
        assert refused.json()["current"]["notes"] == "A"
        assert (await put("B", f"W/{first}"))[0] == 200
        assert (await put("C", "*"))[0] == 200
