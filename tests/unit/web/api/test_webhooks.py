"""The webhook routes."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.desk.webhooks_and_dead_letters import MAX_WEBHOOKS, DeadLetter
from tests.unit.web.desk_harness import open_harness

pytestmark = pytest.mark.asyncio

FEED = "/v1/feeds/quay"


async def test_a_webhook_is_made_listed_and_deleted() -> None:
    """Its secret is shown once, to managers only."""
    async with open_harness() as harness:
        await harness.feed()
        made = await harness.client.post(
            f"{FEED}/webhooks", json={"url": "https://hooks.example.com/"}
        )
        assert made.status_code == 201
        hook = made.json()
        assert hook.pop("secret").startswith("whsec_")
        listed = await harness.client.get(f"{FEED}/webhooks")
        assert listed.json() == {"webhooks": [hook]}
        assert listed.headers["cache-control"] == "private, no-store"
        editor = harness.reader(authorization=await harness.token("publish"))
        for path in ("webhooks", "dead-letters"):
            assert (await editor.get(f"{FEED}/{path}")).status_code == 403
        path = f"{FEED}/webhooks/{hook['id']}"
        assert (await harness.client.delete(path)).status_code == 204
        assert (await harness.client.delete(path)).status_code == 404


async def test_dead_letters_are_listed_newest_first() -> None:
    """Page by page."""
    async with open_harness() as harness:
        await harness.feed()
        for n in (1, 2):
            letter = DeadLetter(f"e1-{n}", "post.published", "it answered 500", 9)
            await harness.store.add_dead_letter("quay", "h", letter)
        shown = (await harness.client.get(f"{FEED}/dead-letters")).json()
        assert [one["cursor"] for one in shown["dead_letters"]] == ["e1-2", "e1-1"]
        assert [one["id"] for one in shown["dead_letters"]] == ["h.e1-2", "h.e1-1"]


async def test_a_dead_letter_is_queued_once() -> None:
    """By managers; a second request changes nothing and adds no audit entry."""
    async with open_harness() as harness:
        await harness.feed()
        given = {"url": "https://hooks.example.com/"}
        made = [
            (await harness.client.post(f"{FEED}/webhooks", json=given)).json()["id"]
            for _ in range(2)
        ]
        for hook, n in ((made[0], 1), (made[0], 2), (made[1], 1)):
            letter = DeadLetter(f"e1-{n}", "post.published", "it answered 500", 9)
            await harness.store.add_dead_letter("quay", hook, letter)
        letters = f"{FEED}/webhooks/{made[0]}/dead-letters"
        one = f"{letters}/{made[0]}.e1-1/resend"
        editor = harness.reader(authorization=await harness.token("publish"))
        for path in (one, f"{letters}/resend"):
            assert (await editor.post(path)).status_code == 403
        for queued in (1, 0):
            answer = await harness.client.post(one)
            assert (answer.status_code, answer.json()) == (202, {"queued": queued})
        shown = (await harness.client.get(f"{FEED}/dead-letters")).json()
        resending = [one["id"] for one in shown["dead_letters"] if one["resending"]]
        assert resending == [f"{made[0]}.e1-1"]
        rest = await harness.client.post(f"{letters}/resend")
        assert (rest.status_code, rest.json()) == (202, {"queued": 1})
        assert len(await harness.store.resends("quay", made[0])) == 2
        assert await harness.store.resends("quay", made[1]) == []
        assert harness.store.audited[-2:] == [
            ("webhook.resend_requested", f"{made[0]}.e1-1"),
            ("webhook.resend_requested", made[0]),
        ]
        assert len(harness.store.audited) == 5  # two webhooks and a token before


async def test_resending_an_unknown_dead_letter_is_refused() -> None:
    """A letter that is unknown, of another webhook, or of a deleted one."""
    async with open_harness() as harness:
        await harness.feed()
        given = {"url": "https://hooks.example.com/"}
        made = (await harness.client.post(f"{FEED}/webhooks", json=given)).json()["id"]
        letter = DeadLetter("e1-1", "post.published", "it answered 500", 9)
        await harness.store.add_dead_letter("quay", "gone", letter)
        for path, what in (
            (f"{made}/dead-letters/{made}.e1-1", "no dead letter"),
            (f"{made}/dead-letters/gone.e1-1", "no dead letter"),
            ("gone/dead-letters/gone.e1-1", "no webhook"),
            ("gone/dead-letters", "no webhook"),
        ):
            answer = await harness.client.post(f"{FEED}/webhooks/{path}/resend")
            assert answer.status_code == 404 and what in answer.text


HOOK = {"url": "https://hooks.example.com/"}
KEY = {"idempotency-key": "k1"}


async def test_a_repeated_key_makes_one_webhook() -> None:
    """The first answer again, with the secret; another body is refused."""
    async with open_harness() as harness:
        await harness.feed()
        path = f"{FEED}/webhooks"
        first, second = await asyncio.gather(
            *(harness.client.post(path, json=HOOK, headers=KEY) for _ in "ab")
        )
        assert sorted((first.status_code, second.status_code)) == [200, 201]
        assert first.json() == second.json()
        assert first.json()["secret"].startswith("whsec_")
        assert len((await harness.client.get(path)).json()["webhooks"]) == 1
        assert harness.store.audited == [("webhook.created", first.json()["id"])]
        other = {"url": "https://other.example.com/"}
        reused = await harness.client.post(path, json=other, headers=KEY)
        assert reused.status_code == 422
        assert reused.json()["type"].endswith(":key-reused")


async def test_a_repeat_is_answered_at_the_limit_of_webhooks() -> None:
    """A repeat creates nothing, so the limit does not apply."""
    async with open_harness() as harness:
        await harness.feed()
        path = f"{FEED}/webhooks"
        first = await harness.client.post(path, json=HOOK, headers=KEY)
        for _ in range(MAX_WEBHOOKS - 1):
            made = await harness.client.post(path, json=HOOK)
            assert made.status_code == 201
        assert (await harness.client.post(path, json=HOOK)).status_code == 409
        again = await harness.client.post(path, json=HOOK, headers=KEY)
        assert (again.status_code, again.json()) == (200, first.json())


async def test_a_deleted_webhook_is_not_made_again() -> None:
    """The key that created it gets 410."""
    async with open_harness() as harness:
        await harness.feed()
        path = f"{FEED}/webhooks"
        made = await harness.client.post(path, json=HOOK, headers=KEY)
        await harness.client.delete(f"{path}/{made.json()['id']}")
        again = await harness.client.post(path, json=HOOK, headers=KEY)
        assert again.status_code == 410
        assert again.json()["type"].endswith(":deleted-since")
        assert (await harness.client.get(path)).json() == {"webhooks": []}


async def test_a_repeated_resend_queues_nothing() -> None:
    """Not even if the letter was sent meanwhile and failed again."""
    async with open_harness() as harness:
        await harness.feed()
        hook = (await harness.client.post(f"{FEED}/webhooks", json=HOOK)).json()["id"]
        letter = DeadLetter("e1-1", "post.published", "it answered 500", 9)
        await harness.store.add_dead_letter("quay", hook, letter)
        letters = f"{FEED}/webhooks/{hook}/dead-letters"
        path = f"{letters}/{hook}.e1-1/resend"
        assert (await harness.client.post(path, headers=KEY)).json() == {"queued": 1}
        await harness.store.add_dead_letter("quay", hook, letter)
        again = await harness.client.post(path, headers=KEY)
        assert (again.status_code, again.json()) == (202, {"queued": 1})
        assert await harness.store.resends("quay", hook) == []
        reused = await harness.client.post(f"{letters}/resend", headers=KEY)
        assert reused.json()["type"].endswith(":key-reused")


async def test_a_repeated_delete_gets_the_same_answer() -> None:
    """Without the key it is 404."""
    async with open_harness() as harness:
        await harness.feed()
        first, other = [
            (await harness.client.post(f"{FEED}/webhooks", json=HOOK)).json()["id"]
            for _ in "ab"
        ]
        path = f"{FEED}/webhooks/{first}"
        for headers, status in ((KEY, 204), (KEY, 204), ({}, 404)):
            answer = await harness.client.delete(path, headers=headers)
            assert answer.status_code == status
        reused = await harness.client.delete(f"{FEED}/webhooks/{other}", headers=KEY)
        assert reused.json()["type"].endswith(":key-reused")
        none = await harness.client.delete(
            f"{FEED}/webhooks/none", headers={"idempotency-key": "k2"}
        )
        assert none.status_code == 404
