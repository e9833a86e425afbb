"""What an editor does to a feed by the API, while readers look on."""

from __future__ import annotations

from typing import Any

from tests.conftest import Server


def publish(server: Server, feed: str, headline: str, **more: Any) -> dict[str, Any]:
    """Publish a post; its public JSON."""
    body = more.pop("body", f"Text of {headline}.")
    post: dict[str, Any] = server.publish(feed, body, headline=headline, **more)["post"]
    return post


def edit(server: Server, feed: str, post: dict[str, Any], **change: Any) -> Any:
    """Change a post."""
    path = f"/v1/feeds/{feed}/posts/{post['id']}"
    made = server.request("PATCH", path, change, if_match=f'"{post["rev"]}"')
    assert made.status_code == 200, made.text
    return made.json()["post"]


def withdraw(server: Server, feed: str, post: dict[str, Any]) -> None:
    """Withdraw a post."""
    made = server.request("DELETE", f"/v1/feeds/{feed}/posts/{post['id']}")
    assert made.status_code == 204, made.text


def filled(server: Server, count: int, **fields: Any) -> str:
    """A feed with posts called 1 to `count`."""
    feed = server.new_feed(**fields)
    for n in range(1, count + 1):
        publish(server, feed, str(n))
    return feed


def names(newest: int, oldest: int) -> list[str]:
    """The headlines of `filled`, from the top."""
    return [str(n) for n in range(newest, oldest - 1, -1)]
