"""`stoppress tail`: a feed's events as they happen, one a line."""

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
_TAG = re.compile(r"<[^>]*>")


@click.command()
@click.argument("feed")
@click.option("--since", metavar="CURSOR", help="Begin after this place.")
@click.option("--json", "as_json", is_flag=True, help="Print whole messages, as JSON.")
@click.option(
    "--transport",
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
    """Print the events of FEED, one a line, until interrupted.

    After a break it goes on where it was. If what happened meanwhile can't be told
    any more, a line says so: `reset`, with where it goes on from.
    """
    if since is not None:
        Cursor.parse(since)
    # A wrong address or name is told now, rather than tried for ever.
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
                # The snapshot is what the reader's page would be, not an event.
                message = {k: v for k, v in message.items() if k != "snapshot"} | {
                    "cursor": message["snapshot"]["cursor"]
                }
            click.echo(msgspec.json.encode(message) if as_json else line(message))


def line(message: Message) -> str:
    """The message on one line: cursor, time, what, which, and how it begins."""
    kind = message["type"]
    if kind == "reset":
        return f"{message['cursor']}  reset: what came before can't be told any more"
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
