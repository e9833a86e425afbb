"""The metadata of an OpenID provider (OpenID Connect Discovery 1.0).

Rules: the document must name the configured issuer exactly; every address in it must be
as safe as the issuer's; a provider that lists its PKCE methods must list S256.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stoppress.identity.provider_http import ProviderAway
from stoppress.setting_declaration_and_checks import BadSetting, check_secure_url


class OidcMetadata(NamedTuple):
    """The addresses and properties of a provider."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_issuer: bool
    """Whether all its answers name the issuer (RFC 9207)."""
    secret_in_form: bool
    """Whether it accepts a client's secret only in the form."""


def discovery_address(issuer: str) -> str:
    """The address of an issuer's metadata document."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def read_metadata(document: dict[str, Any], issuer: str) -> OidcMetadata:
    """Read the document. Raises ProviderAway."""
    if document.get("issuer") != issuer:
        raise ProviderAway(
            f"the document names the issuer {str(document.get('issuer'))[:200]!r}, not "
            f"{issuer!r}"
        )
    ways = document.get("code_challenge_methods_supported")
    if isinstance(ways, list) and "S256" not in ways:
        raise ProviderAway("the provider does not support PKCE with S256")
    methods = document.get("token_endpoint_auth_methods_supported")
    in_form = (
        isinstance(methods, list)
        and "client_secret_basic" not in methods
        and "client_secret_post" in methods
    )
    return OidcMetadata(
        _address(document, "authorization_endpoint"),
        _address(document, "token_endpoint"),
        _address(document, "jwks_uri"),
        document.get("authorization_response_iss_parameter_supported") is True,
        in_form,
    )


def _address(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise ProviderAway(f"the document has no {name}")
    try:
        check_secure_url(name, value)
    except BadSetting as error:
        raise ProviderAway(str(error)) from None
    return value
