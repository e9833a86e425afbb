"""What makes a setting invalid, beyond what `test_settings.py` shows of each one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoppress.setting_declaration_and_checks import (
    BadSetting,
    check_all_or_none,
    check_at_most_one,
    check_secure_url,
    read_roles,
    read_secret,
)


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/jwks",
        "ftp://keys.example",
        "https://",
        "https://user:s3cr3t@keys.example",
        "https://keys.example/#here",
        "https://[::1",
        "http://127.0.0.1.evil.example",
    ],
)
def test_an_address_that_others_could_answer_for_is_refused(url: str) -> None:
    """And not shown: it may hold a password."""
    with pytest.raises(BadSetting, match="https://") as caught:
        check_secure_url("oidc_issuer", url)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://id.example/realms/news", "http://127.0.0.1:9/x", "http://[::1]:9"]
)
def test_an_address_that_is_safe_is_accepted(url: str) -> None:
    """TLS, or this machine."""
    check_secure_url("oidc_issuer", url)


def test_settings_that_exclude_or_need_each_other() -> None:
    """One line names them."""
    check_at_most_one(a="1", b="")
    with pytest.raises(BadSetting, match="a and b are both set"):
        check_at_most_one(a="1", b="2")
    check_all_or_none(a="", b="")
    check_all_or_none(a="1", b="2")
    with pytest.raises(BadSetting, match="b is set without a"):
        check_all_or_none(a="", b="2")


def test_a_secret_s_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    """As editors and `echo` write one."""
    file = tmp_path / "secret"
    file.write_bytes(b"word\r\n")
    assert read_secret("x_file", str(file)) == b"word"
    for content in (b"", b"\n", b"x" * 5000):
        file.write_bytes(content)
        with pytest.raises(BadSetting, match="x_file.*one secret"):
            read_secret("x_file", str(file))
    with pytest.raises(BadSetting, match="No such file"):
        read_secret("x_file", str(tmp_path / "absent"))


def test_the_scopes_of_groups_are_read() -> None:
    """A group may hold anything but a comma; scopes are known ones."""
    read = read_roles("oidc_roles", "/news/editors=publish, a=b=admin,")
    assert read == {"/news/editors": "publish", "a=b": "admin"}
    for text in ("editor", "editor=write", "=admin"):
        with pytest.raises(BadSetting, match="oidc_roles.*read, draft, publish"):
            read_roles("oidc_roles", text)
