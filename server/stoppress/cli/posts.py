"""`stoppress publish`, `edit`, `put`, `withdraw`, `restore`, `takedown`: posts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args, get_origin

import click
import msgspec
from msgspec.structs import FieldInfo

from stoppress.cli.api_client import ApiClient, Command, server_options
from stoppress.cli.feeds import path_of
from stoppress.cli.output import say_json
from stoppress.cli.piped_text import piped_text
from stoppress.client.check_arguments import path_segment
from stoppress.domain.post import Author, CorrectionNote, PostInput, Source

_NAMED = re.compile(r"(?P<name>.*?)\s*<(?P<url>[^<>]+)>\s*")


_SPELT = {"pinned": "pin", "tags": "tag", "authors": "author"}
"""Options whose name differs from their field's."""
_ELSEWHERE = frozenset({"body", "media"})
"""Fields without an option: the text is an argument; media need the API."""
_NEW_ONLY, _EDIT_ONLY = frozenset({"external_id"}), frozenset({"correction"})


def _fields(without: frozenset[str]) -> Callable[[Command], Command]:
    """An option for each field of a post, from the fields themselves."""

    def decorate(command: Command) -> Command:
        command = server_options(command)
        for option in (
            click.option(
                "--json", "as_json", is_flag=True, help="Print the whole answer."
            ),
            click.option(
                "--idempotency-key", help="Repeats with the same key count once."
            ),
        ):
            command = option(command)
        for field in reversed(msgspec.structs.fields(PostInput)):
            if field.name not in _ELSEWHERE | without:
                command = _option(field)(command)
        return command

    return decorate


def _option(field: FieldInfo) -> Callable[[Command], Command]:
    kind, words = get_args(field.type)[0], field.type.__metadata__[0].description
    spelt = _SPELT.get(field.name, field.name).replace("_", "-")
    if kind is bool:
        flags = f"--{spelt}/--no-{spelt}"
        return click.option(flags, field.name, default=None, help=words)
    many = get_origin(kind) is tuple
    words += " Name or 'Name <url>'." if _is_named(kind) else ""
    words += " May be repeated." if many else ""
    return click.option(f"--{spelt}", field.name, multiple=many, help=words)


def _is_named(kind: Any) -> bool:
    """Whether values of the type have a name and an address."""
    return not {Author, Source}.isdisjoint(get_args(kind))


@click.command()
@click.argument("feed")
@click.argument("text", default="")
@_fields(without=_EDIT_ONLY)
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
@_fields(without=_NEW_ONLY)
def edit(
    feed: str,
    post: str,
    text: str,
    url: str,
    token: str | None,
    *,
    idempotency_key: str | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Change POST: its TEXT (- reads it from stdin), or the given fields."""
    change = _content(text, fields)
    if not change:
        raise click.UsageError("nothing to change: use a text or a field")
    api, path = ApiClient(url, token), _path_of(feed, post)
    # The current revision is changed, or nothing.
    rev: int = api.get(path)["rev"]
    answer = api.write(
        "PATCH", path, change, idempotency_key=idempotency_key, match=rev
    )
    _say(answer, as_json=as_json)


@click.command()
@click.argument("feed")
@click.argument("external_id")
@click.argument("text", default="")
@_fields(without=_NEW_ONLY)
def put(
    feed: str,
    external_id: str,
    text: str,
    url: str,
    token: str | None,
    *,
    idempotency_key: str | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Create the post with EXTERNAL_ID, its id in your system, or change it."""
    answer = ApiClient(url, token).write(
        "PUT",
        f"{path_of(feed)}/external/{path_segment(external_id, 'external_id')}",
        _content(text, fields),
        idempotency_key=idempotency_key,
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


@click.command()
@click.argument("feed")
@click.argument("post")
@server_options
def restore(feed: str, post: str, url: str, token: str | None) -> None:
    """Restore a withdrawn POST, with its last content."""
    answer = ApiClient(url, token).write("POST", f"{_path_of(feed, post)}/restore", {})
    _say(answer, as_json=False)


@click.command()
@click.argument("feed")
@click.argument("post")
@click.option("--reason", help="Why it is erased. It is stored: do not quote the post.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@server_options
def takedown(
    feed: str, post: str, url: str, token: str | None, *, reason: str | None, yes: bool
) -> None:
    """Erase POST for good, and print the receipt."""
    if not yes:
        click.confirm(f"Erase {post} for good? It can't be put back.", abort=True)
    given = {} if reason is None else {"reason": reason}
    path = f"{_path_of(feed, post)}/takedown"
    say_json(ApiClient(url, token).write("POST", path, given))


def _path_of(feed: str, post: str) -> str:
    return f"{path_of(feed)}/posts/{path_segment(post, 'post')}"


def _content(text: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The given text and fields, in the form of the API."""
    content = {name: value for name, value in fields.items() if value not in (None, ())}
    if text:
        content["body"] = piped_text() if text == "-" else text
    for field in msgspec.structs.fields(PostInput):
        given = content.get(field.name)
        if given is None:
            continue
        kind = get_args(field.type)[0]
        if get_origin(kind) is tuple and _is_named(kind):
            content[field.name] = [_named(one) for one in given]
        elif _is_named(kind):
            content[field.name] = _named(given)
        elif CorrectionNote in get_args(kind):
            content[field.name] = {"note": given}
    return content


def _named(text: str) -> dict[str, str]:
    match = _NAMED.fullmatch(text)
    return {"name": text} if match is None else match.groupdict()


def _say(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(answer)
    else:
        post = answer["post"]
        click.echo(f"{post['id']} {answer['cursor']} {post['url']}")
