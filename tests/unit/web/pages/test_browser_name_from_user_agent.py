"""A browser is named as a person would, or shown as it was sent."""

from __future__ import annotations

import pytest

from stoppress.web.pages.browser_name_from_user_agent import browser_name

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/1 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/1 Safari/537 Edg/1",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17 like Mac OS X) Version/17 Safari/6",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:1) Gecko Firefox/140.0",
            "Firefox on a Mac",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/1 Mobile Safari/5",
            "Chrome on Android",
        ),
        ("curl/8.1", "curl/8.1"),
        ("<b>Linux Chrome/1</b>", "<b>Linux Chrome/1</b>"),
        ("", "An unknown browser"),
    ],
)
def test_a_browser_is_named(user_agent: str, name: str) -> None:
    """With its system."""
    assert browser_name(user_agent) == name
