"""`stoppress token`: make, list and revoke tokens."""

from __future__ import annotations

from urllib.parse import quote

import click

from stoppress.cli.api_client import ApiClient, server_options
from stoppress.cli.output import say_json, table


@click.group()
def token() -> None:
    """Make, list and revoke tokens."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["read", "write", "admin"]),
    multiple=True,
    default=["write"],
    show_default=True,
    help="What the token may do. May be repeated.",
)
@click.option(
    "--feed",
    "feeds",
    multiple=True,
    help="Only this feed. May be repeated. None: all feeds.",
)
@server_options
def create(
    name: str,
    scopes: tuple[str, ...],
    feeds: tuple[str, ...],
    url: str,
    token: str | None,
) -> None:
    """Make a token and print it: it is shown only once. NAME says who has it."""
    draft = {"name": name, "scopes": scopes, "feeds": feeds or None}
    click.echo(ApiClient(url, token).write("POST", "/v1/tokens", draft)["token"])


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@server_options
def index(url: str, token: str | None, *, as_json: bool) -> None:
    """List the tokens; never their secrets."""
    tokens = ApiClient(url, token).get("/v1/tokens")["tokens"]
    if as_json:
        say_json(tokens)
        return
    table(
        ("id", "name", "scopes", "feeds", "made"),
        [
            (
                one["id"],
                one["name"],
                " ".join(one["scopes"]),
                "all" if one["feeds"] is None else " ".join(one["feeds"]),
                one["created_at"],
            )
            for one in tokens
        ],
    )


@token.command()
@click.argument("id")
@server_options
def revoke(id: str, url: str, token: str | None) -> None:
    """Revoke the token with this ID: it ends within seconds, everywhere."""
    ApiClient(url, token).write("DELETE", f"/v1/tokens/{quote(id, safe='')}")
    click.echo(f"revoked {id}")
