"""`stoppress tail`: a feed's events as they happen, one per line."""

from __future__ import annotations

import asyncio
import html
import re
from contextlib import aclosing

import click
import msgspec

from stoppress.cli.api_client import ApiClient, server_options
from stoppress.cli.feeds import path_of
from stoppress.client.reader import Message, Transport, follow
from stoppress.domain.cursor import Cursor

_WIDTH = 72
_TAG = re.compile(r"<[^<>]*>")


@click.command()
@click.argument("feed")
@click.option("--since", metavar="CURSOR", help="Start after this cursor.")
@click.option("--json", "as_json", is_flag=True, help="Print whole messages, as JSON.")
@click.option(
    "--transport",
    help="How to connect.",
    type=click.Choice(["websocket", "sse", "poll"]),
    default="websocket",
    show_default=True,
)
@server_options
def tail(
    feed: str,
    since: str | None,
    transport: Transport,
    url: str,
    token: str | None,
    *,
    as_json: bool,
) -> None:
    """Print the events of FEED, one per line, until interrupted.

    After a disconnect it resumes at its cursor. If the log no longer has the next
    events, it prints `reset` with the cursor from which it continues.
    """
    if since is not None:
        Cursor.parse(since)
    # A wrong address or slug fails now, instead of being retried forever.
    api = ApiClient(url, token)
    api.get(path_of(feed))
    asyncio.run(_print(api, feed, since, transport, as_json=as_json))


async def _print(
    api: ApiClient, feed: str, since: str | None, transport: Transport, *, as_json: bool
) -> None:
    messages = follow(api.url, feed, since=since, token=api.token, transport=transport)
    async with aclosing(messages):
        async for message in messages:
            if message["type"] == "reset":
                # The snapshot is the state to continue from, not an event.
                message = {k: v for k, v in message.items() if k != "snapshot"} | {
                    "cursor": message["snapshot"]["cursor"]
                }
            click.echo(msgspec.json.encode(message) if as_json else line(message))


def line(message: Message) -> str:
    """The message on one line: cursor, time, type, id, and the start of its text."""
    kind = message["type"]
    if kind == "reset":
        return f"{message['cursor']}  reset: the events before are no longer available"
    about = message.get("post") or message.get("value") or {}
    text = about.get("headline") or about.get("title") or _plain(about.get("html", ""))
    words = " ".join(text.split())
    if len(words) > _WIDTH:
        words = f"{words[: _WIDTH - 1]}…"
    parts = (message["cursor"], message.get("at", ""), kind, about.get("id", ""), words)
    return "  ".join(part for part in parts if part)


def _plain(markup: str) -> str:
    """The text of a post's HTML."""
    return html.unescape(_TAG.sub(" ", markup))
