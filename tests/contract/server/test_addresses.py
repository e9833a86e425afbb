"""Addresses with a slash at their end."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import Server
from tests.plain_http import PLAIN


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_trailing_slash_redirects_to_the_address_without(
    server: Server, method: str
) -> None:
    """By path alone: behind a proxy the server does not know its own address."""
    feed = server.new_feed()
    sent = server.request(method, f"/v1/feeds/{feed}//?a=1&b=%20", host="other.example")
    assert sent.status_code == 308
    assert sent.headers["location"] == f"/v1/feeds/{feed}?a=1&b=%20"
    assert sent.headers["access-control-allow-origin"] == "*"


def test_no_redirect_leads_to_another_host(server: Server) -> None:
    """However many slashes the path begins with, and whatever it holds."""
    with httpx.Client(verify=PLAIN, base_url=server.url, trust_env=False) as client:
        for path in ("//evil.example/", "/%2F%2Fevil.example/", "/\\evil.example/"):
            location = client.get(server.url + path).headers["location"]
            assert location.startswith("/") and location[1] not in "/\\"
        assert client.get("/%0d%0ax:y/").status_code == 404
        assert client.get("/").status_code == 200


def test_a_page_address_with_a_slash_is_readable(server: Server) -> None:
    feed = server.new_feed()
    page = httpx.get(
        verify=PLAIN,
        url=f"{server.url}/live/{feed}/",
        follow_redirects=True,
        trust_env=False,
    )
    assert page.status_code == 200
    assert str(page.url).endswith(f"/live/{feed}")
