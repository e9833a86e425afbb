"""A provider's document is of the configured issuer, or of no use."""

from __future__ import annotations

from typing import Any

import pytest

from stoppress.identity.provider_http import ProviderAway
from stoppress.identity.validate_oidc_metadata import discovery_address, read_metadata

ISSUER = "https://id.example/realms/news"
GOOD = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": "https://keys.example/jwks",
}


def test_a_document_is_read() -> None:
    """What is not said is what the specifications say."""
    metadata = read_metadata(dict(GOOD), ISSUER)
    assert metadata.token_endpoint == f"{ISSUER}/token"
    assert not metadata.names_issuer and not metadata.secret_in_form
    more = {
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "code_challenge_methods_supported": ["plain", "S256"],
    }
    metadata = read_metadata(GOOD | more, ISSUER)
    assert metadata.names_issuer and metadata.secret_in_form


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": f"{ISSUER}/"},
        {"issuer": "https://evil.test"},
        {"issuer": None},
        {"token_endpoint": "http://id.example/token"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
def test_a_document_that_is_another_s_or_unsafe(wrong: dict[str, Any]) -> None:
    """Nobody is sent there."""
    with pytest.raises(ProviderAway):
        read_metadata(GOOD | wrong, ISSUER)


def test_the_discovery_address_is_made_of_the_issuer() -> None:
    """With and without a slash at the end of the issuer."""
    for issuer in (ISSUER, f"{ISSUER}/"):
        where = f"{ISSUER}/.well-known/openid-configuration"
        assert discovery_address(issuer) == where
