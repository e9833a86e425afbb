"""The desk's line on real sockets: for who may draft, and nothing of it elsewhere."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.conftest import Server
from tests.contract.server.test_private_lines import (
    ENDS_S,
    bearer,
    live,
    revoke,
    until,
)

SECRET = "Harbour master resigns"


def token(server: Server, scope: str) -> dict[str, Any]:
    """A token with this scope."""
    made: dict[str, Any] = server.request(
        "POST", "/v1/tokens", {"scopes": [scope]}
    ).json()
    return made


def save(server: Server, feed: str, **fields: object) -> dict[str, Any]:
    """A draft and its cursor."""
    given = {"headline": SECRET, "notes": SECRET, **fields}
    made = server.request("POST", f"/v1/feeds/{feed}/drafts", given)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


def closed_with(line: ClientConnection) -> int:
    """The code with which a line ends."""
    with line, pytest.raises(ConnectionClosed) as closed:
        while True:
            line.recv(timeout=60)
    assert closed.value.rcvd is not None
    return int(closed.value.rcvd.code)


def test_the_desk_line_sends_draft_changes_and_resumes(server: Server) -> None:
    """Without the drafts' texts, from a cursor on; other lines get none."""
    feed = server.new_feed()
    secret = bearer(token(server, "draft")["token"])
    with (
        live(server, f"desk={feed}&feed={feed}", additional_headers=secret) as line,
        live(server, f"feed={feed}") as public,
    ):
        hello = until(line, "hello")
        hello = hello if "desk" in hello else until(line, "hello")
        assert (hello["desk"], "feed" in hello) == (feed, False)
        until(public, "hello")
        made = save(server, feed)
        reported = until(line, "draft.created")
        assert (reported["desk"], reported["cursor"]) == (feed, made["cursor"])
        assert reported["draft"]["id"] == made["draft"]["id"]
        assert reported["draft"]["owner"] == made["draft"]["owner"]
        assert SECRET not in json.dumps(reported)
        name = made["draft"]["id"]
        path = f"/v1/feeds/{feed}/drafts/{name}"
        given = {"headline": SECRET, "state": "approved"}
        put = server.request("PUT", path, given, if_match='"1"').json()
        assert until(line, "draft.updated")["draft"]["state"] == "approved"
        done = server.request("POST", f"{path}/publish").json()
        # The post comes first on its own channel, in whatever order of the two.
        both = [json.loads(line.recv(timeout=60)) for _ in range(2)]
        kinds = {one["type"]: one for one in both}
        assert kinds["draft.published"]["draft"] == {"id": name}
        assert kinds["post.published"]["cursor"] == done["cursor"]
        first = json.loads(public.recv(timeout=60))
        assert (first["type"], first["post"]["id"]) == ("post.published", name)
        assert "notes" not in first["post"]
    # Missed since: replayed as what it is now.
    with live(
        server, f"desk={feed}@{hello['cursor']}", additional_headers=secret
    ) as line:
        assert until(line, "hello")["resumed"] is True
        missed = [json.loads(line.recv(timeout=60)) for _ in range(3)]
        assert [one["type"] for one in missed] == [
            *("draft.deleted", "draft.deleted", "draft.published")
        ]
        line.send(json.dumps({"op": "unfollow", "desk": feed}))
        line.send(json.dumps({"op": "follow", "desk": feed, "cursor": put["cursor"]}))
        assert until(line, "hello")["cursor"] == put["cursor"]
    with live(server, f"desk={feed}@zzzz-9", additional_headers=secret) as line:
        assert until(line, "reset")["desk"] == feed


def test_the_desk_line_needs_the_right_to_draft(server: Server) -> None:
    """Whether or not the feed exists; a refused op gets `error`."""
    feed = server.new_feed(visibility="private")
    reader = bearer(token(server, "read")["token"])
    writer = bearer(token(server, "draft")["token"])
    for slug in (feed, "nowhere"):
        assert closed_with(live(server, f"desk={slug}")) == 4401
    assert closed_with(live(server, f"desk={feed}", additional_headers=reader)) == 4403
    for headers in (reader, writer):
        nowhere = live(server, "desk=nowhere", additional_headers=headers)
        assert closed_with(nowhere) == 4404
    for query in (f"desk={feed}/desk", f"desk={feed}&desk={feed}", "desk="):
        bad = live(server, query, additional_headers=writer)
        assert closed_with(bad) == 4400
    public = server.new_feed()
    with live(server, f"feed={public}") as line:
        until(line, "hello")
        line.send(json.dumps({"op": "follow", "desk": public}))
        error = until(line, "error")
        assert (error["desk"], error["code"]) == (public, 4401)
        line.send(json.dumps({"op": "follow", "desk": "nowhere"}))
        error = until(line, "error")
        assert (error["desk"], error["code"]) == ("nowhere", 4401)
    headers = {"accept": "text/event-stream"} | writer
    answer = httpx.get(
        f"{server.url}/v1/feeds/{feed}%2Fdesk/events", headers=headers, trust_env=False
    )
    assert answer.status_code == 404


def test_the_desk_line_closes_when_its_token_is_revoked(server: Server) -> None:
    """4401 within five seconds, as other private lines."""
    feed, made = server.new_feed(), token(server, "draft")
    with live(server, f"desk={feed}", additional_headers=bearer(made["token"])) as line:
        until(line, "hello")
        at = revoke(server, made)
        assert closed_with(line) == 4401
        assert time.monotonic() - at < ENDS_S


def test_presence_and_leases_are_sent(server: Server) -> None:
    """To the desk line only, and not as events."""
    feed = server.new_feed()
    one, two = (token(server, "draft") for _ in range(2))
    with live(server, f"desk={feed}", additional_headers=bearer(one["token"])) as line:
        cursor = until(line, "hello")["cursor"]

        def put(who: dict[str, Any], path: str, **given: object) -> httpx.Response:
            return httpx.put(
                f"{server.url}/v1/feeds/{feed}/{path}",
                json=given,
                headers=bearer(who["token"]),
                trust_env=False,
            )

        put(one, "presence/tab", on="p1")
        reported = until(line, "presence")
        assert [who["on"] for who in reported["people"]] == ["p1"]
        assert put(one, "leases/p1", client="tab").json()["held"] is True
        until(line, "presence")
        assert put(two, "leases/p1", client="tab").json()["held"] is False
        asked = httpx.post(
            f"{server.url}/v1/feeds/{feed}/leases/p1/request",
            json={"client": "tab"},
            headers=bearer(two["token"]),
            trust_env=False,
        )
        assert asked.status_code == 200
        wanted = until(line, "presence")["leases"][0]["wanted_by"]
        put(two, "presence/tab")
        until(line, "presence")
        put(one, "leases/p1", client="tab", to=wanted["client"])
        assert until(line, "presence")["leases"][0]["client"] == wanted["client"]
        made = save(server, feed)
        reported = until(line, "draft.created")
        assert reported["cursor"] == made["cursor"] == f"{cursor[:-1]}1"


def test_the_desks_calls_are_part_of_the_api(server: Server) -> None:
    """Feeds with the caller's scope on each, and a preview in the readers' form."""
    feed = server.new_feed(visibility="private")
    headers = bearer(token(server, "draft")["token"])
    with httpx.Client(base_url=server.url, headers=headers, trust_env=False) as client:
        shown = client.get("/v1/desk/feeds").json()
        assert shown["scopes"][feed] == "draft" and shown["makes"] is False
        preview = client.post(
            f"/v1/feeds/{feed}/preview", json={"body": "*A* <script>1</script>"}
        )
        assert preview.status_code == 200
        assert "<em>A</em>" in preview.json()["html"]
        assert "<script" not in preview.json()["html"]
    assert httpx.get(f"{server.url}/v1/desk/feeds", trust_env=False).status_code == 401
