"""Serves static files: the widget's script and styles, the pages' style, the words.

Rules: read once, at the start; each has an ETag. Under its plain name a file is
cached for five minutes; under a name with its digest, for a year. Any site may load
them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from stoppress.web.pages.find_browser_files import SCRIPT
from stoppress.web.pages.templating import Templates
from stoppress.web.problems import Problem
from stoppress.web.response_cache import CachedBody, send
from stoppress.web.services import Services

STYLE = "stop-press.css"
STYLES = ("base", "feed_head", "side_boxes", "status_bar", "post", "layout")
"""The files of the style, in cascade order."""
REVALIDATED = "public, max-age=300, stale-while-revalidate=86400"
IMMUTABLE = "public, max-age=31536000, immutable"

_PAGE_STYLE = Path(__file__).with_name("static") / "page.css"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
}


class BrowserFiles:
    """The static files, in memory."""

    def __init__(self, folder: Path, share: Sequence[str] = ()) -> None:
        texts = {
            SCRIPT: (folder / SCRIPT).read_text("utf-8"),
            STYLE: "\n".join(
                (folder / "stop-press" / "css" / f"{name}.css").read_text()
                for name in STYLES
            ),
            "page.css": _PAGE_STYLE.read_text(),
        }
        self._files = {
            name: CachedBody.of(text.encode(), 9) for name, text in texts.items()
        }
        templates = Templates(folder, share)
        self._words = {
            language: CachedBody.of(templates.widget_words(language, texts[STYLE]), 9)
            for language in templates.tables
        }
        self.addresses = {}
        for name, body in list(self._files.items()):
            stem, _, suffix = name.rpartition(".")
            digest_name = f"{stem}.{body.etag[1:-1]}.{suffix}"
            self._files[digest_name] = body
            self.addresses[name] = f"/{digest_name}"
        self.build = hashlib.blake2b(
            b"".join(body.plain for body in self._files.values()), digest_size=6
        ).hexdigest()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the files."""
        return tuple(f"/{name}" for name in self._files)

    async def file(self, services: Services, request: Request) -> Response:
        """One file."""
        name = request.url.path[1:]
        cache = IMMUTABLE if f"/{name}" in self.addresses.values() else REVALIDATED
        return _send(request, self._files[name], name.rpartition(".")[2], cache)

    async def words(self, services: Services, request: Request) -> Response:
        """The words of a language such as en or en-GB, else of English."""
        language = request.path_params["language"].lower().partition("-")[0]
        if not language.isalnum():
            raise Problem(
                404,
                "not-found",
                "Not Found",
                "the language is invalid: use a code such as en",
            )
        body = self._words.get(language, self._words["en"])
        return _send(request, body, "json", REVALIDATED)


def _send(request: Request, body: CachedBody, suffix: str, cache: str) -> Response:
    headers = {
        "cache-control": cache,
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin",
    }
    return send(request, body, _TYPES[suffix], headers)
