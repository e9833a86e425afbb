"""`stoppress feed`: make, list, show, change, close and delete feeds."""

from __future__ import annotations

from typing import Any, get_args

import click

from stoppress.cli.api_client import ApiClient, Command, server_options
from stoppress.cli.output import say_json, table
from stoppress.client.check_arguments import path_segment
from stoppress.domain.feed import Status, Visibility
from stoppress.domain.post import Direction


def path_of(feed: str) -> str:
    """The feed's address in the API. Raises InvalidArgument."""
    return f"/v1/feeds/{path_segment(feed, 'feed')}"


def _fields(command: Command) -> Command:
    for option in (
        click.option("--standfirst", help="What the feed is about."),
        click.option("--summary", help="What happened so far."),
        click.option(
            "--status",
            type=click.Choice(get_args(Status)),
            help="The state of the coverage.",
        ),
        click.option("--language", help="Such as en, tr or pt-BR."),
        click.option(
            "--direction",
            type=click.Choice(get_args(Direction)),
            help="Of texts, if not the language's; auto: as each begins.",
        ),
        click.option("--timezone", help="Such as Europe/Istanbul."),
        click.option(
            "--visibility",
            type=click.Choice(get_args(Visibility)),
            help="unlisted: in no list; private: only for callers with access.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def feed() -> None:
    """Make, list, show, change, close and delete feeds."""


@feed.command()
@click.argument("slug")
@click.option("--title", required=True, help="The headline of the whole coverage.")
@_fields
@server_options
def create(slug: str, url: str, token: str | None, **fields: str | None) -> None:
    """Make a feed."""
    made = ApiClient(url, token).write(
        "POST", "/v1/feeds", {"slug": slug, **_given(fields)}
    )
    _say(made)


@feed.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@server_options
def index(url: str, token: str | None, *, as_json: bool) -> None:
    """List the public feeds; with a token, all that it may read."""
    feeds = ApiClient(url, token).get(f"/v1/feeds{'?all=true' if token else ''}")[
        "feeds"
    ]
    if as_json:
        say_json(feeds)
        return
    table(
        ("feed", "status", "visibility", "title"),
        [(f["slug"], f["status"], f["visibility"], f["title"]) for f in feeds],
    )


@feed.command()
@click.argument("slug")
@server_options
def show(slug: str, url: str, token: str | None) -> None:
    """Print a feed and its newest posts, as JSON."""
    say_json(ApiClient(url, token).get(path_of(slug)))


@feed.command()
@click.argument("slug")
@click.option("--title", help="The headline of the whole coverage.")
@_fields
@server_options
def edit(slug: str, url: str, token: str | None, **fields: str | None) -> None:
    """Change the given fields, and nothing else."""
    change = _given(fields)
    if not change:
        raise click.UsageError("nothing to change: use a field, such as --title")
    _say(ApiClient(url, token).write("PATCH", path_of(slug), change))


@feed.command()
@click.argument("slug")
@server_options
def close(slug: str, url: str, token: str | None) -> None:
    """Close a feed: it stays readable, its live line ends an hour later."""
    _say(ApiClient(url, token).write("PATCH", path_of(slug), {"status": "closed"}))


@feed.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@server_options
def delete(slug: str, url: str, token: str | None, *, yes: bool) -> None:
    """Delete a feed with all its posts, for good."""
    if not yes:
        click.confirm(f"Delete {slug} and all its posts?", abort=True, err=True)
    ApiClient(url, token).write("DELETE", path_of(slug))
    click.echo(f"deleted {slug}")


def _given(fields: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _say(answer: dict[str, Any]) -> None:
    # The answer is the feed if it is new, else an object of the feed and its cursor.
    feed: dict[str, Any] = answer.get("feed", answer)
    click.echo(f"{feed['slug']} {feed['status']} {feed['url']}")
