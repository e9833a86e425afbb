"""The description of the API, held against a real server, call by call.

Each call is sent what it says it takes, and everything that is wrong with that. It
may answer only what is described, and every refusal that wrong input can bring about
must have been seen: what is described and never comes is a mistake too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from stoppress.web.api.openapi_call import RESPONSES
from stoppress.web.api.openapi_operations import CALLS
from stoppress.web.api.openapi_parameters import PARAMETERS
from tests.conftest import Server

DOCS = Path(__file__).parents[3] / "docs"
PROVOKED = {"400", "401", "403", "404", "413", "415", "422"}
"""What comes of a request alone; the others need something to have happened before."""
CURSORS = {"at", "since", "Last-Event-ID"}
FREE = {"tag", "feed", "owner", "text", "client"}
"""Queries that may be anything, or are read elsewhere."""


_FEED = re.compile(r"^/v1/feeds/[^/?]+")


class Sent(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes | None


def described(server: Server) -> dict[str, Any]:
    """The description, as it is served."""
    value: dict[str, Any] = server.request("GET", "/openapi.json").json()
    return value


def resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to."""
    found: Any = part
    for name in part.get("$ref", "")[2:].split("/"):
        found = (whole if found is part else found)[name] if name else found
    return dict(found)


def wrong(
    operation: dict[str, Any], parameters: list[dict[str, Any]], right: Sent, less: str
) -> Iterator[tuple[str, Sent]]:
    """What can be wrong with a request, and the status that should say so."""
    path, headers, body = right
    yield "401", Sent(path, headers | {"authorization": "Bearer sp_unknown"}, body)
    if "security" in operation and {} not in operation["security"]:
        yield "401", Sent(path, {**headers, "authorization": ""}, body)
        yield "403", Sent(path, headers | {"authorization": less}, body)
    for parameter in parameters:
        name, schema = parameter["name"], parameter.get("schema", {})
        if parameter["in"] == "path" and name == "feed":
            for slug in ("nowhere", "No_Slug"):
                elsewhere = _FEED.sub(f"/v1/feeds/{slug}", path)
                yield "404", Sent(elsewhere, headers, body)
        elif parameter["in"] == "path":
            above = path.rpartition("/")[0]
            # Any other id of a template is free to be used.
            absent = "no.id" if name == "template" else "00000000000000"
            yield "404", Sent(f"{above}/{absent}", headers, body)
            if name == "external_id":
                yield "422", Sent(f"{above}/{'x' * 201}", headers, body)
        elif name in CURSORS:
            if parameter["in"] == "query":
                yield "400", Sent(f"{path}?{name}=nonsense", headers, body)
        elif parameter["in"] == "query" and name not in FREE:
            assert schema["type"] in ("integer", "boolean", "string"), name
            yield "422", Sent(f"{path}?{name}=nonsense", headers, body)
            if schema["type"] != "string" or "enum" in schema:
                yield "422", Sent(f"{path}?{name}=", headers, body)
            if schema["type"] == "integer":
                beyond = schema["maximum"] + 1
                yield "422", Sent(f"{path}?{name}={beyond}", headers, body)
        elif name in ("If-Match", "Idempotency-Key"):
            yield "400", Sent(path, headers | {name: "ü"}, body)
    if body is not None:
        yield "400", Sent(path, headers, b"{")
        yield "422", Sent(path, headers, b'{"nonsense": 1}')
        yield "413", Sent(path, headers, b" " * (1 << 20))
        yield "415", Sent(path, headers | {"content-encoding": "gzip"}, body)
        yield "415", Sent(path, headers | {"content-type": "image/png"}, body)


BESIDES = ("live", "uploadPicture")
"""What takes no JSON: `test_transports.py` and `test_media.py` send what it takes."""


@pytest.mark.parametrize(
    "name", [call.name for call in CALLS if call.name not in BESIDES]
)
def test_each_call_answers_only_described_statuses(server: Server, name: str) -> None:
    """Each described refusal of the request sent is seen."""
    whole = described(server)
    ((path, method, operation),) = (
        (path, method, operation)
        for path, item in whole["paths"].items()
        for method, operation in item.items()
        if operation["operationId"] == name
    )
    feed = server.new_feed()
    post = server.publish(feed, "Water rises", external_id="e")["post"]["id"]
    scope = "manage" if "scope `admin`" in operation.get("description", "") else "read"
    lesser: dict[str, Any] = {"scopes": [scope]}
    if name == "issueTicket":
        lesser["feeds"] = ["elsewhere"]  # every token that reads the feed may
    token = server.request("POST", "/v1/tokens", lesser).json()
    drafts = f"/v1/feeds/{feed}/drafts"
    draft = server.request("POST", drafts, {"headline": "It falls"}).json()["draft"]
    webhook = server.request(
        "POST", f"/v1/feeds/{feed}/webhooks", {"url": "https://hooks.example.com/"}
    ).json()
    server.request("PUT", "/v1/templates/t", {"name": "Briefing", "post": {}})
    said = server.request(
        "POST", f"{drafts}/{draft['id']}/comments", {"text": "Since when?"}
    ).json()["draft"]
    filled = path.format(
        feed=feed,
        post=post,
        draft=draft["id"],
        client="tab",
        webhook=webhook["id"],
        letter="none",
        comment=said["comments"][0]["id"],
        subject=post,
        token=token["id"],
        external_id="e",
        template="t",
    )
    parameters = [resolved(whole, one) for one in operation.get("parameters", [])]
    bodies: dict[str, Any] = {
        "NewFeed": {"slug": f"{feed}-too", "title": "Quay"},
        "FeedCopy": server.request("GET", f"/v1/feeds/{feed}").json()["feed"],
        "PostInput": {"body": "It falls"},
        "PostCopy": server.request("GET", f"/v1/feeds/{feed}/posts/{post}").json(),
        "WithdrawnCopy": {"id": post, "rev": 1},
        "TokenInput": {"scopes": ["read"]},
        "TicketInput": {"ttl_s": 60},
        "DraftInput": {"headline": "It falls"},
        "CommentInput": {"text": "Since when?"},
        "PresenceInput": {"on": post},
        "WebhookInput": {"url": "https://hooks.example.com/a"},
        "LeaseInput": {"client": "tab"},
        "LinkCardInput": {"url": "https://localhost/"},
        "FeedPatch": {},
        "PostInputPatch": {},
        "Takedown": {},
        "TemplateInput": {"name": "Briefing", "post": {"headline": "It falls"}},
        "NotesInput": {"notes": "Ask the harbour master."},
    }
    takes = next(call.takes for call in CALLS if call.name == name)
    body = json.dumps(bodies[takes]).encode() if takes else None
    headers = {"authorization": f"Bearer {server.token}"}
    if any(parameter["name"] == "If-Match" for parameter in parameters):
        headers["If-Match"] = "*"
    if name == "metrics":
        headers["Forwarded"] = "for=192.0.2.1"  # else the machine itself needs no token
    right = Sent(filled, headers, body)
    if name == "readEvents":
        right = right._replace(path=f"{filled}?wait=0")
    sent = list(wrong(operation, parameters, right, f"Bearer {token['token']}"))
    seen: set[str] = set()
    # What changes something comes last: there has to be a feed until then.
    for expected, request in [*sent, ("", right)]:
        answer = httpx.request(
            method,
            server.url + request.path.replace("?wait=0?", "?wait=0&"),
            headers=[(k.encode(), v.encode()) for k, v in request.headers.items()],
            content=request.body,
            trust_env=False,
        )
        status = str(answer.status_code)
        assert status in operation["responses"], (request, answer.text)
        if expected == "422" and "?" in request.path:
            assert status == "422", (request, answer.text)
        if expected in operation["responses"]:
            seen.add(status)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
    # Without a body, 422 says that a key was used for something else.
    needed = PROVOKED - ({"422"} if body is None and method != "get" else set())
    assert seen >= needed & set(operation["responses"])


def test_the_docs_name_each_described_status_and_parameter() -> None:
    """docs/api.md has a row per status; it or docs/protocol.md names each parameter."""
    text = "".join((DOCS / name).read_text() for name in ("api.md", "protocol.md"))
    rows = set(re.findall(r"^\| (\d{3}) \|", text, re.MULTILINE))
    assert rows >= RESPONSES.keys() - {"426"} | {"405", "500"}
    for parameter in PARAMETERS.values():
        if parameter["in"] != "path":
            name = re.escape(parameter["name"])
            assert re.search(rf"[`*?&]{name}[`*=:]", text), name
