"""Secrets among the settings: by variable or by file, long enough, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoppress.setting_variables import from_environment, to_environment
from stoppress.settings import BadSetting, Settings

TOKEN = "sp_0123456789abcdef0123"


def test_the_admin_token_may_be_in_a_file(tmp_path: Path) -> None:
    """Workers get the file's name, not what is in it."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    settings = from_environment({"STOPPRESS_ADMIN_TOKEN_FILE": str(file)})
    assert settings.admin_secret == TOKEN
    assert TOKEN not in str(to_environment(settings))
    assert Settings(admin_token=TOKEN).admin_secret == TOKEN
    assert Settings().admin_secret == ""


@pytest.mark.parametrize("token", ["hunter2", "x" * 19, " " * 30])
def test_a_short_admin_token_is_refused(tmp_path: Path, token: str) -> None:
    """In one line that does not show it."""
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(BadSetting) as caught:
        from_environment({"STOPPRESS_ADMIN_TOKEN_FILE": str(file)})
    said = [str(caught.value)]
    if token.strip():
        with pytest.raises(BadSetting) as caught:
            from_environment({"STOPPRESS_ADMIN_TOKEN": token})
        said.append(str(caught.value))
    for line in said:
        assert "20 or more" in line and "\n" not in line
        assert token not in line


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ADMIN_TOKEN": TOKEN, "ADMIN_TOKEN_FILE": "/x"}, "both set"),
        ({"JWT_ISSUER": "https://id.example"}, "jwt_jwks or jwt_secret_file"),
        ({"JWT_JWKS": "https://id.example/keys"}, "jwt_issuer and jwt_audience"),
        ({"JWT_JWKS": "http://id.example/keys"}, "set without"),
        ({"JWT_JWKS": "/a", "JWT_SECRET_FILE": "/b"}, "both set"),
        ({"OIDC_ISSUER": "https://id.example"}, "oidc_client_id"),
        ({"OIDC_ISSUER": "http://id.example", "OIDC_CLIENT_ID": "a"}, "https://"),
        (
            {"OIDC_CLIENT_SECRET": "a", "OIDC_CLIENT_SECRET_FILE": "/b"},
            "both set",
        ),
    ],
)
def test_conflicting_or_missing_settings_are_refused(
    given: dict[str, str], says: str
) -> None:
    """At the start, by name."""
    with pytest.raises(BadSetting, match=says):
        from_environment({f"STOPPRESS_{name}": text for name, text in given.items()})


def test_the_secret_of_jwts_has_32_bytes(tmp_path: Path) -> None:
    """As HS256 wants."""
    file = tmp_path / "secret"
    given = {
        "STOPPRESS_JWT_SECRET_FILE": str(file),
        "STOPPRESS_JWT_ISSUER": "cms",
        "STOPPRESS_JWT_AUDIENCE": "live",
    }
    file.write_bytes(b"k" * 31)
    with pytest.raises(BadSetting, match="32 or more") as caught:
        from_environment(given)
    assert "kkk" not in str(caught.value)
    file.write_bytes(b"k" * 32 + b"\n")
    assert from_environment(given).jwt_secret == b"k" * 32


def test_the_secret_at_the_provider_may_be_in_a_file(tmp_path: Path) -> None:
    """Or in its variable."""
    file = tmp_path / "secret"
    file.write_text("s3cr3t\n")
    assert Settings(oidc_client_secret_file=str(file)).oidc_secret == "s3cr3t"
    assert Settings(oidc_client_secret="s3cr3t").oidc_secret == "s3cr3t"
