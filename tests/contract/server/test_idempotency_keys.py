"""One rule for every write: its Idempotency-Key counts.

The same request again with the same key has the same effect and the same answer (a 201
is then 200); another request with that key is refused. The table has every operation
that is no GET: a new one without a row here fails.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from stoppress.web.api.openapi_operations import CALLS
from tests.conftest import Server
from tests.made_pictures import jpeg_with_metadata
from tests.plain_http import PATIENCE_S, PLAIN

HOOK = {"url": "https://93.184.215.14/hook"}
POST: dict[str, Any] = {"headline": "Water rises"}
COPY_AT = "2026-11-28T10:00:00Z"


class Call(NamedTuple):
    """One request; `again`: how its repeat is answered."""

    method: str
    path: str
    body: object = None
    again: int = 0
    match: str = ""
    """If-Match."""
    differs: tuple[str, ...] = ()
    """Members of the answer that may differ: they say what is so now."""


class Newsroom:
    """A feed of a call's own, and what a call may need."""

    def __init__(self, server: Server, api: httpx.Client) -> None:
        self.api = api
        self.feed = server.new_feed()
        self.at = f"/v1/feeds/{self.feed}"

    def ask(self, call: Call, **headers: str) -> httpx.Response:
        """Make a call."""
        if call.match:
            headers["if-match"] = call.match
        if isinstance(call.body, bytes):
            headers["content-type"] = "image/jpeg"
            given: dict[str, Any] = {"content": call.body}
        else:
            given = {} if call.body is None else {"json": call.body}
        return self.api.request(call.method, call.path, headers=headers, **given)

    def made(self, path: str, body: object) -> dict[str, Any]:
        """The answer to something that is made first."""
        answer = self.api.post(self.at + path, json=body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self) -> str:
        """The path of a new post."""
        return f"{self.at}/posts/{self.made('/posts', POST)['post']['id']}"

    def withdrawn(self) -> str:
        """The path of a post that was withdrawn."""
        path = self.post()
        assert self.api.delete(path).status_code == 204
        return path

    def external(self) -> str:
        """The path of a new post with an external id."""
        path = f"{self.at}/external/e1"
        assert self.api.put(path, json=POST).status_code == 201
        return path

    def template(self) -> str:
        """The path of a new template."""
        path = f"/v1/templates/{self.feed}"
        assert self.api.put(path, json={"name": "T"}).status_code == 200
        return path

    def lease(self) -> str:
        """The path of a lease that a client holds."""
        path = f"{self.at}/leases/p1"
        assert self.api.put(path, json={"client": "tab1"}).json()["held"]
        return path

    def draft(self) -> str:
        """The path of a new draft."""
        return f"{self.at}/drafts/{self.made('/drafts', POST)['draft']['id']}"

    def comment(self) -> str:
        """The path of a new comment on a new draft."""
        path = f"{self.draft()}/comments"
        made = self.api.post(path, json={"text": "Right?"}).json()
        return f"{path}/{made['draft']['comments'][0]['id']}"

    def token(self) -> str:
        """The path of a new token."""
        made = self.api.post("/v1/tokens", json={"scopes": ["read"]})
        return f"/v1/tokens/{made.json()['id']}"

    def hook(self) -> str:
        """The path of a new webhook."""
        return f"{self.at}/webhooks/{self.made('/webhooks', HOOK)['id']}"

    def copy(self, **fields: object) -> dict[str, Any]:
        """The feed as an export has it."""
        found: dict[str, Any] = self.api.get(self.at).json()["feed"]
        return found | fields

    def entries(self) -> list[dict[str, Any]]:
        """The newest changes that the audit knows."""
        found: list[dict[str, Any]] = self.api.get("/v1/audit?limit=9").json()[
            "entries"
        ]
        return found


PRESENT = ("people", "leases")
CALLED: dict[str, Callable[[Newsroom], Call]] = {
    "makeFeed": lambda at: Call(
        "POST", "/v1/feeds", {"slug": f"{at.feed}-2", "title": "T"}, 200
    ),
    "editFeed": lambda at: Call("PATCH", at.at, {"title": "New"}),
    "putFeed": lambda at: Call("PUT", at.at, at.copy(title="Copied", rev=7)),
    "deleteFeed": lambda at: Call("DELETE", at.at),
    "publish": lambda at: Call("POST", f"{at.at}/posts", POST, 200),
    "uploadPicture": lambda at: Call(
        "POST", f"{at.at}/media", jpeg_with_metadata(), 200
    ),
    "editPost": lambda at: Call("PATCH", at.post(), {"body": "More."}, match='"1"'),
    "putPost": lambda at: Call(
        "PUT",
        f"{at.at}/posts/01hx5k3v9q7w2a",
        POST
        | {"id": "01hx5k3v9q7w2a", "rev": 1}
        | {"published_at": COPY_AT, "updated_at": COPY_AT},
        200,
    ),
    "withdrawPost": lambda at: Call("DELETE", at.post()),
    "restorePost": lambda at: Call("POST", f"{at.withdrawn()}/restore"),
    "takeDownPost": lambda at: Call(
        *("POST", f"{at.post()}/takedown", {"reason": "court"}),
        differs=("at", "store", "disk", "workers", "readers", "purge"),
    ),
    "putExternalPost": lambda at: Call("PUT", f"{at.at}/external/e1", POST, 200),
    "withdrawExternalPost": lambda at: Call("DELETE", at.external()),
    "issueTicket": lambda at: Call("POST", f"{at.at}/tickets", {"ttl_s": 60}, 200),
    "putWithdrawn": lambda at: Call(
        "PUT",
        f"{at.at}/withdrawn/01hx5k3v9q7w2b",
        {"id": "01hx5k3v9q7w2b", "rev": 2},
    ),
    "makeToken": lambda at: Call("POST", "/v1/tokens", {"scopes": ["read"]}, 200),
    "revokeToken": lambda at: Call("DELETE", at.token()),
    "saveDraft": lambda at: Call("POST", f"{at.at}/drafts", POST, 200),
    "replaceDraft": lambda at: Call("PUT", at.draft(), {"body": "B"}, match='"1"'),
    "deleteDraft": lambda at: Call("DELETE", at.draft()),
    "publishDraft": lambda at: Call("POST", f"{at.draft()}/publish", None, 200),
    "commentDraft": lambda at: Call(
        "POST", f"{at.draft()}/comments", {"text": "Right?"}, 200
    ),
    "removeComment": lambda at: Call("DELETE", at.comment()),
    "putPresence": lambda at: Call(
        "PUT", f"{at.at}/presence/tab1", {}, differs=PRESENT
    ),
    "deletePresence": lambda at: Call("DELETE", f"{at.at}/presence/tab1"),
    "putLease": lambda at: Call(
        "PUT", f"{at.at}/leases/p1", {"client": "tab1"}, differs=PRESENT
    ),
    "deleteLease": lambda at: Call("DELETE", f"{at.at}/leases/p1?client=tab1"),
    "requestLease": lambda at: Call(
        *("POST", f"{at.lease()}/request", {"client": "tab2"}), differs=PRESENT
    ),
    "previewPost": lambda at: Call("POST", f"{at.at}/preview", POST, differs=("html",)),
    "putNotes": lambda at: Call("PUT", f"{at.post()}/notes", {"notes": "Call."}),
    "putTemplate": lambda at: Call("PUT", f"/v1/templates/{at.feed}", {"name": "T"}),
    "deleteTemplate": lambda at: Call("DELETE", at.template()),
    "makeWebhook": lambda at: Call("POST", f"{at.at}/webhooks", HOOK, 200),
    "deleteWebhook": lambda at: Call("DELETE", at.hook()),
    "resendDeadLetters": lambda at: Call("POST", f"{at.hook()}/dead-letters/resend"),
}
ELSEWHERE = {"makeLinkCard", "resendDeadLetter"}
"""Those that need a page or a failed delivery: test_link_cards.py, test_webhooks.py."""
REPEATED = {"takeDownPost"}
"""What does all of it again, and says so in the audit."""


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[httpx.Client]:
    """The admin."""
    headers = {"authorization": f"Bearer {server.token}"}
    with httpx.Client(
        base_url=server.url,
        headers=headers,
        verify=PLAIN,
        timeout=PATIENCE_S,
        trust_env=False,
    ) as client:
        yield client


def test_every_write_takes_a_key() -> None:
    """Each is described with one, and has a row in this table."""
    writes = {call.name: call for call in CALLS if call.method != "GET"}
    assert writes.keys() == CALLED.keys() | ELSEWHERE
    for name, call in writes.items():
        assert "IdempotencyKey" in call.parameters, name
        assert {"400", "422"} <= {*call.refusals}, name


@pytest.mark.parametrize("name", CALLED)
def test_a_repeat_changes_nothing(server: Server, api: httpx.Client, name: str) -> None:
    """It gets the first answer; another request with its key is refused."""
    newsroom = Newsroom(server, api)
    call = CALLED[name](newsroom)
    key = {"idempotency-key": f"{name} {newsroom.feed}"}
    first = newsroom.ask(call, **key)
    assert first.status_code in (200, 201, 202, 204), first.text
    before = newsroom.entries()
    again = newsroom.ask(call, **key)
    assert again.status_code == (call.again or first.status_code), again.text
    assert known(again, call) == known(first, call)
    after = newsroom.entries()
    if name in REPEATED:
        assert after[0]["what"] == before[0]["what"]
        after, before = after[1:], before[:-1]
    assert after == before
    if call.path.startswith("/v1/tokens"):
        other = Call("POST", "/v1/tokens", {"scopes": ["draft"]})
    elif call.path.startswith("/v1/templates"):
        other = Call("PUT", "/v1/templates/another", {"name": "Another"})
    elif name == "makeFeed":
        other = Call("POST", "/v1/feeds", {"slug": f"{newsroom.feed}-3", "title": "T"})
    elif name == "removeComment" or ("Draft" in name and name != "publishDraft"):
        other = Call("POST", f"{newsroom.at}/drafts", {"body": "Another"})
    elif name == "deleteFeed":
        other = Call("DELETE", newsroom.at, match='"9"')
    else:
        other = Call("POST", f"{newsroom.at}/posts", {"body": "Another"})
    if name != "deleteFeed":
        refused = newsroom.ask(other, **key)
        assert refused.status_code == 422, refused.text
        assert refused.json()["type"].endswith(":key-reused")
    changed = newsroom.ask(call, **{"idempotency-key": f"{name} b {newsroom.feed}"})
    assert changed.status_code < 500


def known(answer: httpx.Response, call: Call) -> object:
    """What a repeat must answer."""
    if answer.status_code == 204:
        return None
    found = answer.json()
    return {name: value for name, value in found.items() if name not in call.differs}


def test_a_repeated_ticket_request_returns_a_valid_equal_ticket(
    server: Server, api: httpx.Client
) -> None:
    """The store keeps its claims, not its signature."""
    feed = server.new_feed(visibility="private")
    path, key = f"/v1/feeds/{feed}/tickets", {"idempotency-key": "ticket"}
    first, again = (api.post(path, headers=key).json() for _ in "ab")
    assert first == again
    headers = {"authorization": f"Bearer {again['ticket']}"}
    assert api.get(f"/v1/feeds/{feed}", headers=headers).status_code == 200
    assert api.post(path).json()["ticket"] != first["ticket"]
    signature = first["ticket"].rpartition(".")[2]
    assert len(base64.urlsafe_b64decode(signature + "=")) == 32
    files = [file for file in server.data.rglob("*") if file.is_file()]
    assert files and not any(signature.encode() in file.read_bytes() for file in files)


def test_a_repeat_does_not_take_back_a_lease(server: Server, api: httpx.Client) -> None:
    """The answer names the current holder."""
    feed = server.new_feed()
    path, key = f"/v1/feeds/{feed}/leases/p1", {"idempotency-key": "lease"}
    mine = {"client": "tab1"}
    taken = api.put(path, json=mine, headers=key).json()
    assert taken["held"] is True
    assert api.delete(f"{path}?client=tab1").status_code == 204
    assert api.put(path, json=mine, headers=key).json()["held"] is False
    assert api.put(path, json={"client": "tab2"}).json()["held"] is True
    again = api.put(path, json=mine, headers=key).json()
    assert again["held"] is False
    assert [one["client"][-4:] for one in again["leases"]] == ["tab2"]
