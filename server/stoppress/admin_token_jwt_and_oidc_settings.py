"""The settings of authorization: those that are secrets, or belong to a secret.

Rules: a secret is given by its variable or by a file, not by both; it is read once, and
no message shows it. The fields themselves are in `settings.py`.
"""

from __future__ import annotations

from functools import cached_property

from stoppress.setting_declaration_and_checks import (
    LEAST_SECRET_BYTES,
    BadSetting,
    check_admin_token,
    check_all_or_none,
    check_at_most_one,
    check_secure_url,
    read_roles,
    read_secret,
)


class SecretSettings:
    """The part of `Settings` about secrets."""

    admin_token: str
    admin_token_file: str
    jwt_jwks: str
    jwt_secret_file: str
    jwt_issuer: str
    jwt_audience: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_client_secret_file: str
    oidc_roles: str

    def check_authorization(self) -> None:
        """Raises BadSetting if settings exclude each other, or one is missing."""
        check_admin_token(self.admin_token)
        check_at_most_one(
            admin_token=self.admin_token, admin_token_file=self.admin_token_file
        )
        check_at_most_one(jwt_jwks=self.jwt_jwks, jwt_secret_file=self.jwt_secret_file)
        check_all_or_none(
            **{"jwt_jwks or jwt_secret_file": self.jwt_jwks or self.jwt_secret_file},
            jwt_issuer=self.jwt_issuer,
            jwt_audience=self.jwt_audience,
        )
        if "://" in self.jwt_jwks:
            check_secure_url("jwt_jwks", self.jwt_jwks)
        check_all_or_none(
            oidc_issuer=self.oidc_issuer, oidc_client_id=self.oidc_client_id
        )
        if self.oidc_issuer:
            check_secure_url("oidc_issuer", self.oidc_issuer)
        read_roles("oidc_roles", self.oidc_roles)
        check_at_most_one(
            oidc_client_secret=self.oidc_client_secret,
            oidc_client_secret_file=self.oidc_client_secret_file,
        )

    @cached_property
    def admin_secret(self) -> str:
        """The admin token, from its file if one is set. Raises BadSetting."""
        name, path = "admin_token_file", self.admin_token_file
        if not path:
            return self.admin_token
        token = read_secret(name, path).decode(errors="replace").strip()
        check_admin_token(token or "-", name)
        return token

    @cached_property
    def jwt_secret(self) -> bytes:
        """The secret that signs JWTs, or b"". Raises BadSetting."""
        if not self.jwt_secret_file:
            return b""
        secret = read_secret("jwt_secret_file", self.jwt_secret_file)
        if len(secret) < LEAST_SECRET_BYTES:
            raise BadSetting(
                f"jwt_secret_file={self.jwt_secret_file!r} is invalid: the secret has "
                f"{len(secret)} bytes: use {LEAST_SECRET_BYTES} or more"
            )
        return secret

    @property
    def group_scopes(self) -> dict[str, str]:
        """The scope of each group at the OpenID provider."""
        return read_roles("oidc_roles", self.oidc_roles)

    @cached_property
    def oidc_secret(self) -> str:
        """This server's secret at the OpenID provider, or "". Raises BadSetting."""
        if not self.oidc_client_secret_file:
            return self.oidc_client_secret
        name = "oidc_client_secret_file"
        return read_secret(name, self.oidc_client_secret_file).decode(errors="replace")
