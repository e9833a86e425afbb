"""The settings of what pages load from other hosts."""

from __future__ import annotations

import pytest

from stoppress.settings import BadSetting, Settings


def test_by_default_pictures_come_from_anywhere() -> None:
    """And nothing is looked through for them."""
    settings = Settings()
    assert settings.foreign_content is None
    assert settings.picture_sources == "* data:" and settings.frame_sources == "*"


def test_named_hosts() -> None:
    """The same in posts and in policies; the publisher's logo is allowed there."""
    settings = Settings(
        media_hosts="A.example, *.b.example",
        embed_hosts="",
        publisher_logo="https://logo.example/l.svg",
    )
    policy = settings.foreign_content
    assert policy is not None
    assert policy.pictures.allow("https://x.b.example/")
    assert not policy.pictures.allow("https://logo.example/")
    assert not policy.embeds.allow("https://a.example/")
    assert policy.embeds.allow(f"{settings.base}/live/x")
    assert settings.picture_sources == (
        "'self' a.example *.b.example logo.example data:"
    )
    assert settings.frame_sources == "'self'"


@pytest.mark.parametrize(
    "given",
    [
        {"media_hosts": "https://a.example"},
        {"embed_hosts": "a.example 'unsafe-inline'"},
        {"security_contact": "desk@news.example"},
        {"security_contact": "https://a.example\nExpires: never"},
    ],
)
def test_invalid_settings_are_refused(given: dict[str, str]) -> None:
    """It would stand in a header or a file."""
    with pytest.raises(BadSetting, match=f"{next(iter(given))}.* is invalid"):
        Settings(**given)  # type: ignore[arg-type]
