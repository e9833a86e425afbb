"""`stoppress audit`: who changed what, as JSON lines."""

from __future__ import annotations

from urllib.parse import urlencode

import click
import msgspec

from stoppress.cli.api_client import ApiClient, server_options


@click.command()
@click.option(
    "--feed",
    help="Only entries of this feed. Without it: all, and tokens and sign-ins.",
)
@click.option("--most", type=int, default=0, metavar="N", help="N entries. [0: all]")
@server_options
def audit(feed: str | None, most: int, url: str, token: str | None) -> None:
    """Export the audit, newest first: one JSON object per line.

    Needs a token with admin.
    """
    client = ApiClient(url, token)
    given = {"limit": 200} | ({"feed": feed} if feed else {})
    path: str | None = f"/v1/audit?{urlencode(given)}"
    count = 0
    while path is not None:
        page = client.get(path)
        for entry in page["entries"]:
            click.echo(msgspec.json.encode(entry).decode())
            count += 1
            if count == most:
                return
        path = page["next"]
