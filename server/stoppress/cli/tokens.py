"""`stoppress token`: make, list and revoke tokens."""

from __future__ import annotations

import click

from stoppress.cli.api_client import ApiClient, server_options
from stoppress.cli.output import say_json, table
from stoppress.client.check_arguments import path_segment

SCOPES = ("read", "draft", "publish", "manage", "admin")
"""The server's scopes; each includes those before it."""


@click.group()
def token() -> None:
    """Make, list and revoke tokens."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    default=["publish"],
    show_default=True,
    help="What the token may do; each includes those before it. May be repeated.",
)
@click.option(
    "--feed",
    "feeds",
    multiple=True,
    help="Only this feed, or feeds by a pattern such as election-*. May be repeated. "
    "Without it: all feeds.",
)
@click.option(
    "--expires",
    help="When the token ends, as an RFC 3339 time. Without it: never.",
)
@server_options
def create(
    name: str,
    scopes: tuple[str, ...],
    feeds: tuple[str, ...],
    expires: str | None,
    url: str,
    token: str | None,
) -> None:
    """Make a token and print it: it is shown only once. NAME says who has it."""
    draft = {"name": name, "scopes": scopes, "feeds": feeds or None}
    if expires is not None:
        draft["expires_at"] = expires
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
        ("id", "name", "scopes", "feeds", "made", "expires", "last used"),
        [
            (
                one["id"],
                one["name"],
                " ".join(one["scopes"]),
                "all" if one["feeds"] is None else " ".join(one["feeds"]),
                one["created_at"],
                one.get("expires_at", "never"),
                one.get("last_used_at", "never"),
            )
            for one in tokens
        ],
    )


@token.command()
@click.argument("id")
@server_options
def revoke(id: str, url: str, token: str | None) -> None:
    """Revoke the token with this ID: it ends within seconds, everywhere."""
    ApiClient(url, token).write("DELETE", f"/v1/tokens/{path_segment(id, 'id')}")
    click.echo(f"revoked {id}")
