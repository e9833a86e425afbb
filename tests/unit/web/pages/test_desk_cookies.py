"""The desk's cookies: as guarded as the site's address allows."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from stoppress.identity import pending_sign_in
from stoppress.settings import Settings
from stoppress.web.pages import desk_cookies

NOW = 1_800_000_000_000


def sent(answer: Response) -> list[str]:
    """The Set-Cookie headers, each with its attributes in small letters."""
    return [value.lower() for value in answer.headers.getlist("set-cookie")]


def asking(cookie: str) -> Request:
    """A request with cookies."""
    headers = [(b"cookie", cookie.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


@pytest.mark.parametrize(
    ("url", "prefix", "path"),
    [
        ("https://live.example", "__host-", "/"),
        ("https://live.example/blog", "__secure-", "/blog"),
        ("http://127.0.0.1:8000", "", "/"),
    ],
)
def test_a_session_s_cookie(url: str, prefix: str, path: str) -> None:
    """HttpOnly, Strict, without Domain, until the browser closes."""
    settings, answer = Settings(public_url=url), Response()
    desk_cookies.set_session(settings, answer, "sps_x")
    desk_cookies.delete_session(settings, answer)
    begun, ended = sent(answer)
    for cookie in (begun, ended):
        name, *attributes = cookie.split("; ")
        assert name.startswith(f"{prefix}stoppress_desk=")
        assert {"httponly", "samesite=strict", f"path={path}"} <= set(attributes)
        assert ("secure" in attributes) == url.startswith("https")
        assert "domain" not in cookie
    assert "max-age" not in begun and "max-age=0" in ended
    assert "sps_x" in begun and "sps_x" not in ended
    held = asking(f"{settings.desk_cookie}=sps_x")
    assert desk_cookies.session_of(settings, held) == "sps_x"
    assert desk_cookies.session_of(settings, asking("other=sps_x")) is None


def test_a_sign_in_under_way_is_lax() -> None:
    """Or the provider's way back would come without it; for ten minutes."""
    settings, answer = Settings(public_url="https://live.example"), Response()
    pending = pending_sign_in.begin("quay", NOW)
    desk_cookies.set_pending(settings, answer, pending)
    desk_cookies.delete_pending(settings, answer)
    begun, ended = sent(answer)
    for part in ("__host-stoppress_sign_in=", "httponly", "samesite=lax", "secure"):
        assert part in begun and part in ended
    assert "max-age=600" in begun and "max-age=0" in ended
    held = asking(f"__Host-stoppress_sign_in={pending.to_cookie()}")
    assert desk_cookies.pending_of(settings, held, NOW) == pending
    assert desk_cookies.pending_of(settings, held, NOW + 600_000) is None
    assert desk_cookies.pending_of(settings, asking("a=b"), NOW) is None
