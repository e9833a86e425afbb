"""`stoppress publish`, `edit` and `withdraw`: what an editor does with posts."""

from __future__ import annotations

import re
import sys
from typing import Any
from urllib.parse import quote

import click

from stoppress.cli.api_client import ApiClient, Command, server_options
from stoppress.cli.feeds import path_of
from stoppress.cli.output import say_json

_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<url>[^<>]+)>\s*")


def _fields(command: Command) -> Command:
    for option in (
        click.option("--headline", help="The headline."),
        click.option("--key/--no-key", default=None, help="A key moment."),
        click.option("--breaking/--no-breaking", default=None, help="Breaking news."),
        click.option("--pin/--no-pin", "pinned", default=None, help="Pin it on top."),
        click.option("--tag", "tags", multiple=True, help="May be repeated."),
        click.option(
            "--author",
            "authors",
            multiple=True,
            help="Name or 'Name <url>'. May be repeated.",
        ),
        click.option("--source", help="Where it came from: Name or 'Name <url>'."),
        click.option("--idempotency-key", help="Repeats with the same key count once."),
        click.option("--json", "as_json", is_flag=True, help="Print the whole answer."),
        server_options,
    ):
        command = option(command)
    return command


@click.command()
@click.argument("feed")
@click.argument("text", default="")
@click.option("--external-id", help="Its id in your system; it can be used once.")
@_fields
def publish(
    feed: str,
    text: str,
    url: str,
    token: str | None,
    *,
    idempotency_key: str | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Publish TEXT (Markdown; - reads it from stdin) in FEED."""
    draft = _content(text, fields)
    answer = ApiClient(url, token).write(
        "POST", f"{path_of(feed)}/posts", draft, idempotency_key=idempotency_key
    )
    _say(answer, as_json=as_json)


@click.command()
@click.argument("feed")
@click.argument("post")
@click.argument("text", default="")
@click.option("--correction", help="What readers are told about the change.")
@_fields
def edit(
    feed: str,
    post: str,
    text: str,
    url: str,
    token: str | None,
    *,
    correction: str | None,
    idempotency_key: str | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Change POST: its TEXT (- reads it from stdin), or the given fields."""
    change = _content(text, fields)
    if correction is not None:
        change["correction"] = {"note": correction}
    if not change:
        raise click.UsageError("nothing to change: give a text or a field")
    api, path = ApiClient(url, token), _path_of(feed, post)
    # The change is made to the current revision, or not at all.
    rev: int = api.get(path)["rev"]
    answer = api.write(
        "PATCH", path, change, idempotency_key=idempotency_key, match=rev
    )
    _say(answer, as_json=as_json)


@click.command()
@click.argument("feed")
@click.argument("post")
@server_options
def withdraw(feed: str, post: str, url: str, token: str | None) -> None:
    """Withdraw POST, everywhere and at once."""
    ApiClient(url, token).write("DELETE", _path_of(feed, post))
    click.echo(f"withdrew {post}")


def _path_of(feed: str, post: str) -> str:
    return f"{path_of(feed)}/posts/{quote(post, safe='')}"


def _content(text: str, fields: dict[str, Any]) -> dict[str, Any]:
    """What was given, as the API has it."""
    content = {name: value for name, value in fields.items() if value not in (None, ())}
    if text:
        content["body"] = _stdin() if text == "-" else text
    if "authors" in content:
        content["authors"] = [_named(author) for author in content["authors"]]
    if "source" in content:
        content["source"] = _named(content["source"])
    return content


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode().strip()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"stdin is not UTF-8: {error.reason}") from None


def _named(text: str) -> dict[str, str]:
    match = _NAMED.fullmatch(text)
    return {"name": text} if match is None else match.groupdict()


def _say(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(answer)
    else:
        post = answer["post"]
        click.echo(f"{post['id']} {answer['cursor']} {post['url']}")
