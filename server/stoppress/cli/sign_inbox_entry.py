"""`stoppress sign`: sign a post for the Redis inbox, without a server."""

from __future__ import annotations

import time

import click
import msgspec

from stoppress.cli.piped_text import piped_text
from stoppress.client.check_arguments import clean_secret
from stoppress.domain.signed_redis_inbox_entry import signed_entry
from stoppress.domain.undecodable_json import UNDECODABLE


@click.command()
@click.argument("feed")
@click.argument("post")
@click.option(
    "--token", envvar="STOPPRESS_TOKEN", help="The token to sign with; it is not shown."
)
def sign(feed: str, post: str, token: str | None) -> None:
    """Sign POST (JSON; - reads it from stdin) for FEED, and print it for redis-cli.

    Use the entry within 5 minutes: stoppress sign quay '{"body": "…"}' | redis-cli
    """
    secret = clean_secret(token, "token")
    if not secret:
        raise click.UsageError("a token is needed: use --token or STOPPRESS_TOKEN")
    if post == "-":
        post = piped_text()
    try:
        msgspec.json.decode(post)
    except UNDECODABLE as wrong:
        raise click.UsageError(f"the post is not JSON: {wrong}") from None
    entry = signed_entry(secret, feed, post, time.time_ns() // 1_000_000)
    fields = " ".join(f"{name} {_quoted(value)}" for name, value in entry.items())
    click.echo(f"XADD stoppress:inbox * {fields}")


def _quoted(text: str) -> str:
    """An argument in the syntax of redis-cli."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'
