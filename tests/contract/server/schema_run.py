"""Runs schemathesis on a server: every call of the OpenAPI document, all checks.

The document that it gets has real feeds, posts, drafts, webhooks and tokens as values
of its path parameters, so that what is generated gets past "not found"; calls that end
something have their own. What is uploaded are real pictures (`schema_pictures.py`).
`make schema` runs it with 200 examples per call.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import Server, started

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CONFIG = HERE / "schemathesis.toml"
HOOKS = HERE / "schema_pictures.py"
POSTS = 8
SPENT = 40
"""Posts, feeds and tokens for each call that ends one."""
WEBHOOKS = 10
"""As many as a feed may have."""
ENDS = {"withdrawPost", "takeDownPost", "withdrawExternalPost", "putWithdrawn"}
"""Calls that end a post."""

Schema = dict[str, Any]


def ids(name: str, count: int) -> list[str]:
    """Ids of posts, which have 14 characters."""
    return [f"{name}{n:0{14 - len(name)}d}" for n in range(count)]


class Seeds:
    """What there is on the server, by the names of path parameters."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.feeds = [
            server.new_feed(title=f"Feed {n}", visibility=visibility)
            for n, visibility in enumerate(["public", "unlisted", "private"] * 2)
        ]
        self.posts = ids("seed", POSTS)
        for feed in self.feeds:
            self._copy_posts(feed, self.posts)

    def of(self, call: str) -> dict[str, list[str]]:
        """The values of the parameters of a call."""
        feeds, posts = self.feeds, self.posts
        tokens: list[str] = []
        drafts: list[str] = []
        if call == "deleteFeed":
            feeds = [self._server.new_feed(title="Ends") for _ in range(SPENT)]
        if call in ENDS:
            posts = ids(f"e{sorted(ENDS).index(call)}", SPENT)
            feeds = feeds[:1]
            self._copy_posts(feeds[0], posts)
        if call == "restorePost":
            posts = ids("back", SPENT)
            feeds = feeds[:1]
            self._copy_posts(feeds[0], posts)
            for post in posts:
                self._server.request("DELETE", f"/v1/feeds/{feeds[0]}/posts/{post}")
        if "Draft" in call:
            feeds = feeds[:1]
            drafts = [self._draft(feeds[0]) for _ in range(SPENT)]
        webhooks: list[str] = []
        if call in ("deleteWebhook", "resendDeadLetter", "resendDeadLetters"):
            feeds = [self._server.new_feed(title="Sends")]
            webhooks = [self._webhook(feeds[0]) for _ in range(WEBHOOKS)]
        subjects: list[str] = []
        if call == "requestLease":
            feeds, subjects = feeds[:1], posts
            for post in posts:
                self._lease(feeds[0], post)
        if call == "revokeToken":
            tokens = [self._token() for _ in range(SPENT)]
        external_ids = [f"ext-{post}" for post in posts]
        return {
            "feed": feeds,
            "post": posts,
            "external_id": external_ids,
            "token": tokens,
            "draft": drafts,
            "webhook": webhooks,
            "subject": subjects,
        }

    def _draft(self, feed: str) -> str:
        given = {"headline": "Soon", "body": "Water will rise."}
        made = self._server.request("POST", f"/v1/feeds/{feed}/drafts", given)
        assert made.is_success, made.text
        return str(made.json()["draft"]["id"])

    def _webhook(self, feed: str) -> str:
        given = {"url": "https://hooks.example.com/"}
        made = self._server.request("POST", f"/v1/feeds/{feed}/webhooks", given)
        assert made.is_success, made.text
        return str(made.json()["id"])

    def _lease(self, feed: str, subject: str) -> None:
        path = f"/v1/feeds/{feed}/leases/{subject}"
        made = self._server.request("PUT", path, {"client": "holder"})
        assert made.is_success, made.text

    def _token(self) -> str:
        made = self._server.request("POST", "/v1/tokens", {"scopes": ["read"]})
        return str(made.json()["id"])

    def _copy_posts(self, feed: str, posts: Sequence[str]) -> None:
        for n, post in enumerate(posts):
            at = f"2026-11-22T09:{n // 60:02d}:{n % 60:02d}Z"
            made = self._server.request(
                "PUT",
                f"/v1/feeds/{feed}/posts/{post}",
                {
                    "id": post,
                    "rev": 1,
                    "external_id": f"ext-{post}",
                    "headline": f"Post {n}",
                    "body": "Water *rises*.",
                    "key": n % 2 == 0,
                    "tags": ["river"],
                    "published_at": at,
                    "updated_at": at,
                },
            )
            assert made.is_success, made.text


def seeded(document: Schema, seeds: Seeds) -> Schema:
    """The document with what there is as the values of its path parameters."""
    parameters = document["components"]["parameters"]
    # What schemathesis makes of a header does not always match its pattern.
    revisions = ["*", '"1"', 'W/"2"']
    parameters["IfMatch"]["schema"] = {"type": "string", "enum": revisions}
    for methods in document["paths"].values():
        for operation in methods.values():
            if operation["operationId"] == "live":
                continue  # a WebSocket
            values = seeds.of(operation["operationId"])
            operation["parameters"] = [
                _with_values(parameters[one["$ref"].rpartition("/")[2]], values)
                for one in operation.get("parameters", [])
            ]
    document["paths"].pop("/v1/live")
    # It counts on event streams, which are not read here.
    events = document["paths"]["/v1/feeds/{feed}/events"]["get"]
    events["parameters"] = [
        one for one in events["parameters"] if one["name"] != "Last-Event-ID"
    ]
    # A feed that is made meanwhile has no name that counts as invalid above.
    slug = {"type": "string", "pattern": "^made-[a-z0-9]{8,20}$"}
    document["components"]["schemas"]["NewFeed"]["properties"]["slug"] = slug
    return document


def _with_values(parameter: Schema, values: dict[str, list[str]]) -> Schema:
    found = values.get(parameter["name"])
    if parameter["in"] != "path" or not found:
        return parameter
    return parameter | {"schema": {"type": "string", "enum": found}}


def run(server: Server, folder: Path, examples: int, *more: str) -> int:
    """Run all checks; the exit code, 0: no failures."""
    document = server.request("GET", "/openapi.json").json()
    file = folder / "openapi.json"
    file.write_text(json.dumps(seeded(document, Seeds(server))))
    words = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)]
    words += ["run", str(file), "--url", server.url, "--max-examples", str(examples)]
    words += ["--header", f"Authorization: Bearer {server.token}"]
    # Else the machine itself needs no token for /metrics.
    words += ["--header", "Forwarded: for=192.0.2.1", *more]
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    environment |= {"SCHEMATHESIS_HOOKS": str(HOOKS), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(words, env=environment, cwd=folder, check=False)
    return ended.returncode


@contextmanager
def running() -> Iterator[tuple[Server, Path]]:
    """A server without limits, and a folder."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with started(data, "--limits", "off") as server:
            yield server, Path(folder)


def main() -> int:
    """Run it as it is told."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--examples", type=int, default=200)
    given, more = options.parse_known_args()
    with running() as (server, folder):
        return run(server, folder, given.examples, *more)


if __name__ == "__main__":
    sys.exit(main())
