"""Draws the desk's pages, with their headers.

Rule: no inline script or style, nothing from other hosts except pictures of posts.
"""

from __future__ import annotations

from functools import cache

from starlette.responses import Response

from stoppress.settings import Settings
from stoppress.web.pages.desk_files import DeskFiles
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.page_policy import desk_policy
from stoppress.web.pages.render_html import Templates

_GUARDED = {
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


# Read once, for all addresses of the site.
_files = cache(DeskFiles)


class DeskPages:
    """Draws pages of the desk."""

    def __init__(self, settings: Settings) -> None:
        folder = browser_folder()
        self.files = _files(folder)
        self.templates = Templates(folder, root=settings.root)
        policy = desk_policy(settings)
        self._headers = _GUARDED | {"content-security-policy": policy}

    def show(self, name: str, status: int = 200, **values: object) -> Response:
        """A page with the desk's headers."""
        html = self.templates.page(
            name, files=self.files.address, styles=self.files.styles, **values
        )
        return Response(html, status, self._headers, "text/html; charset=utf-8")
