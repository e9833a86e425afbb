"""Serves static files: the widget's script and styles, the pages' own files, the words.

Rules: files are read once, at the start. A style is written in one file per subject and
served as one. Each has an ETag and is compressed (the
scripts when they are built). Under its plain name a file is cached for five minutes;
under a name with its digest, for a year. Any site may load them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import brotli
from starlette.requests import Request
from starlette.responses import Response

from stoppress.web.pages.find_browser_files import MORE, PAGE, SCRIPT
from stoppress.web.pages.render_html import Templates
from stoppress.web.response_cache_and_compression import CachedBody, send
from stoppress.web.services import Services

TICKETS = "stop-press-tickets.js"
"""A module for pages whose readers need tickets; the others don't load it."""
STYLE = "stop-press.css"
STYLES = (
    *("base", "feed_head", "side_boxes", "status_bar"),
    *("post", "post_text", "post_media", "post_foot", "pinned_post"),
    *("layout", "layout_phone", "layout_wide", "new_post_highlight", "print"),
)
"""The files of the widget's style, one per subject, in cascade order."""
PAGE_STYLE = "page.css"
PAGE_STYLES = ("site", "jump_buttons", "picture_viewer", "feed_list", "print")
"""The same of what only our own pages have, in the folder `page_css`."""
REVALIDATED = "public, max-age=300, stale-while-revalidate=86400"
IMMUTABLE = "public, max-age=31536000, immutable"

_PAGE_HEAD = "update_page_head.js"
_SHORTEN = "shorten_text_and_name_host.js"
_STATIC = Path(__file__).with_name("static")
_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
}


class BrowserFiles:
    """The static files, in memory."""

    def __init__(self, folder: Path, share: Sequence[str] = ()) -> None:
        texts = {
            **{
                name: (folder / name).read_text("utf-8")
                for name in (SCRIPT, MORE, PAGE)
            },
            TICKETS: (folder / "stop-press" / "ticket_source.js").read_text("utf-8"),
            STYLE: _joined(folder / "stop-press" / "css", STYLES),
            PAGE_STYLE: _joined(_STATIC / "page_css", PAGE_STYLES),
            _PAGE_HEAD: _page_head(folder),
        }
        self._files = {
            name: CachedBody.of_file(text.encode(), _built(folder / name, text))
            for name, text in texts.items()
        }
        templates = Templates(folder, share)
        self._words = {
            language: CachedBody.of_file(templates.widget_words(language, texts[STYLE]))
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
        """The words of a language such as en or en-GB, else of English.

        What a page says its language is may be no language: `{{ lang }}`, `en_GB`.
        """
        language = request.path_params["language"].lower().partition("-")[0]
        body = self._words.get(language, self._words["en"])
        return _send(request, body, "json", REVALIDATED)


def _joined(folder: Path, names: Sequence[str]) -> str:
    return "\n".join((folder / f"{name}.css").read_text("utf-8") for name in names)


def _page_head(folder: Path) -> str:
    """The module of the pages' heads, with the one module that it imports inside."""
    own = (_STATIC / _PAGE_HEAD).read_text("utf-8")
    shared = (folder / "stop-press" / _SHORTEN).read_text("utf-8")
    return shared + own.replace(f'import {{ shorten }} from "./{_SHORTEN}";\n', "")


def _built(file: Path, text: str) -> bytes | None:
    """A file's Brotli form from the build; None if it lacks this version's."""
    try:
        compressed = file.with_name(f"{file.name}.br").read_bytes()
        return compressed if brotli.decompress(compressed) == text.encode() else None
    except (OSError, brotli.error):
        return None


def _send(request: Request, body: CachedBody, suffix: str, cache: str) -> Response:
    headers = {
        "cache-control": cache,
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin",
    }
    return send(request, body, _TYPES[suffix], headers)
