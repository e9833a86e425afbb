"""What the doctor says of a server's address."""

from __future__ import annotations

import json

import pytest

from stoppress.cli.api_client import ApiClient
from stoppress.cli.doctor import _description
from tests.unit.cli.test_api_client import answering


def described(address: str, source: str) -> bytes:
    server = {"url": address, "x-address-from": source}
    return json.dumps({"info": {"version": "1"}, "servers": [server]}).encode()


@pytest.mark.parametrize(
    ("address", "source", "asked_as", "says"),
    [
        ("https://set.example", "public_url", "", ""),
        ("http://127.0.0.1:8000", "listening", "http://localhost:8000", ""),
        (
            "http://127.0.0.1:8000",
            "listening",
            "https://news.example",
            "trusted_proxies",
        ),
        ("https://told.example", "forwarded", "", "set public_url"),
    ],
)
def test_an_address_that_is_not_set_behind_a_proxy_is_warned_of(
    address: str, source: str, asked_as: str, says: str
) -> None:
    """It works, so it is nothing wrong; the setting is named."""
    with answering((200, described(address, source))) as (url, _):
        api = ApiClient(url, None)
        api.url = asked_as or api.url
        findings = list(_description(api))
    assert all(finding.ok for finding in findings)
    warned = [finding.what for finding in findings if finding.is_warning]
    assert len(warned) == bool(says)
    assert says in " ".join(warned)
