"""What the desk's pages share."""

from __future__ import annotations

from stoppress.settings import Settings
from stoppress.web.pages.draw_desk_page import DeskPages


def test_pages_are_guarded_and_their_files_versioned() -> None:
    """No frame, no cache, no inline script; the site's path is in every address."""
    pages = DeskPages(Settings(public_url="https://news.example/blog"))
    page = pages.show("desk_signed_in.html", 202, address="/blog/desk")
    assert page.status_code == 202
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    required = "require-trusted-types-for 'script'; trusted-types stop-press-desk"
    assert required in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    html = bytes(page.body).decode()
    assert f'href="/blog{pages.files.address}/desk/desk.css"' in html
    assert DeskPages(Settings()).files is pages.files, "read once"
