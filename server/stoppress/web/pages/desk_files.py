"""The desk's scripts and styles, its service worker and its manifest.

Rules:
- The addresses of files contain a digest of all files, so that a new version of the
  server never runs with an old script.
- The service worker keeps the desk's page and the files of one version, which are
  listed at the start of its script, so that the desk opens without a connection.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoppress.web.pages.bundle_desk_script import desk_script
from stoppress.web.problems import Problem
from stoppress.web.response_cache_and_compression import CachedBody, encoded
from stoppress.web.services import Services

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DESK = Path(__file__).with_name("static") / "desk"
_SERVICE_WORKER = "desk/service_worker.js"
_SESSIONS = "desk/sign_out_on_sessions_page.js"
"""The script of a page that the service worker does not keep."""
_SCRIPTS = (
    "desk/desk.js",
    _SESSIONS,
    "desk/load_desk_or_seal_texts.js",
)
"""The scripts of pages, each with the modules that it imports."""
_STYLE = "desk/desk.css"
"""All style sheets of the desk, in the order of their names."""
_ICON = "desk/icon.svg"


class DeskFiles:
    """The desk's scripts and styles, in memory, with one address per version."""

    def __init__(self, folder: Path) -> None:
        texts = {
            f"{inside.name}/{path.name}": path.read_text("utf-8")
            for inside in (_DESK, folder / "stop-press")
            for path in sorted(inside.iterdir())
            if path.suffix in _TYPES
        }
        sheets = [name for name in texts if re.fullmatch(r"desk/\w+\.css", name)]
        contents = {name: desk_script(name, texts) for name in _SCRIPTS}
        contents[_STYLE] = "\n".join(texts[name] for name in sheets)
        contents[_ICON] = texts[_ICON]
        digest = hashlib.sha256()
        for name, text in contents.items():
            digest.update(name.encode() + b"\0" + text.encode())
        self._files = {
            name: CachedBody.of_file(text.encode()) for name, text in contents.items()
        }
        self._worker = texts[_SERVICE_WORKER]
        self.address = f"/desk/files/{digest.hexdigest()[:12]}"
        self.styles = ["/stop-press.css", f"{self.address}/{_STYLE}"]

    def _service_worker(self, root: str) -> str:
        """The service worker, with the files that it keeps of this version."""
        names = sorted(self._files.keys() - {_SESSIONS})
        files = [f"{root}{self.address}/{name}" for name in names]
        files.append(f"{root}/stop-press.css")
        about = {
            "version": f"stop-press-desk {self.address.rpartition('/')[2]}",
            "root": root,
            "files": files,
        }
        return f"self.DESK = {msgspec.json.encode(about).decode()};\n{self._worker}"

    async def answer(self, services: Services, request: Request) -> Response:
        """One file."""
        name = request.path_params["name"]
        body = self._files.get(name)
        if body is None:
            raise Problem(404, "not-found", "Not Found", f"there is no file {name!r}")
        kind = _TYPES[name[name.rindex(".") :]]
        # An address of another version: this file may differ from the requested one.
        is_ours = self.address.endswith(request.path_params["version"])
        lasting = "public, max-age=31536000, immutable" if is_ours else "no-store"
        headers = {"cache-control": lasting, "x-content-type-options": "nosniff"}
        content = encoded(request, body, headers)
        return Response(content, headers=headers, media_type=kind)

    async def service_worker(self, services: Services, request: Request) -> Response:
        """The service worker, which opens the desk without a connection."""
        root = services.settings.root
        headers = {
            "cache-control": "no-cache",
            "content-security-policy": "default-src 'none'; connect-src 'self'",
            "service-worker-allowed": f"{root}/desk",
            "x-content-type-options": "nosniff",
        }
        return Response(self._service_worker(root), 200, headers, _TYPES[".js"])

    async def manifest(self, services: Services, request: Request) -> Response:
        """The manifest, with which a browser installs the desk as an application."""
        root = services.settings.root
        icon = f"{root}{self.address}/desk/icon.svg"
        content = {
            "name": f"The desk · {services.settings.publisher}",
            "short_name": "Desk",
            "id": f"{root}/desk",
            "start_url": f"{root}/desk",
            "scope": f"{root}/desk",
            "display": "standalone",
            "background_color": "#f5f1e8",
            "theme_color": "#a3161c",
            "icons": [{"src": icon, "sizes": "any", "type": "image/svg+xml"}],
        }
        headers = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
        body = msgspec.json.encode(content)
        return Response(body, 200, headers, "application/manifest+json")
