"""The desk page `/desk`, where editors sign in, write and preview posts.

Rules:
- Editors sign in with a token: a session cookie contains the token itself, which
  scripts and other sites can't read.
- The page writes through the public API, like every other client; these routes store
  nothing.
- No inline script or style, nothing from other hosts except pictures of posts.
- The addresses of the desk's files contain their digest, so that a new version of the
  server never runs with an old script.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from stoppress.desk.json_input import read
from stoppress.desk.post_input import check_draft, new_post
from stoppress.desk.posts import render
from stoppress.desk.write_outcome import now_ms
from stoppress.domain.errors import Unauthenticated, Unavailable
from stoppress.domain.feed import Feed, check_slug
from stoppress.domain.post import PostInput
from stoppress.web.authorization import admit, check_origin, signed_in, token_of
from stoppress.web.credential import COOKIE
from stoppress.web.endpoint import Handler, Resource
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.templating import Templates
from stoppress.web.problems import Problem
from stoppress.web.request_parsing import body
from stoppress.web.services import Services
from stoppress.wire.messages import public_feed

MAX_FORM_BYTES = 4096
"""The longest sign-in form: a token has 35 characters."""

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_DESK = Path(__file__).with_name("static") / "desk"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src * data:; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_GUARDED = {
    "content-security-policy": _POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

_draft = msgspec.json.Decoder(PostInput)
_feed = msgspec.json.Decoder(Feed)


class DeskFiles:
    """The desk's scripts and styles, in memory, with one address per version."""

    def __init__(self, folder: Path) -> None:
        digest = hashlib.sha256()
        self._contents: dict[str, bytes] = {}
        for inside in (_DESK, folder / "stop-press"):
            for path in sorted(inside.iterdir()):
                if path.suffix in _TYPES:
                    content = path.read_bytes()
                    self._contents[f"{inside.name}/{path.name}"] = content
                    digest.update(path.name.encode() + b"\0" + content)
        self.address = f"/desk/files/{digest.hexdigest()[:12]}"
        self.styles = ["/stop-press.css", f"{self.address}/desk/desk.css"]

    async def answer(self, services: Services, request: Request) -> Response:
        """One file."""
        name = request.path_params["name"]
        content = self._contents.get(name)
        if content is None:
            raise Problem(404, "not-found", "Not Found", f"there is no file {name!r}")
        kind = _TYPES[name[name.rindex(".") :]]
        # The address of another version: this file may differ from the requested one.
        is_ours = self.address.endswith(request.path_params["version"])
        lasting = "public, max-age=31536000, immutable" if is_ours else "no-store"
        headers = {"cache-control": lasting, "x-content-type-options": "nosniff"}
        return Response(content, headers=headers, media_type=kind)


class DeskConsole:
    """The desk's pages and their routes besides the API."""

    def __init__(self, files: DeskFiles, templates: Templates) -> None:
        self._files = files
        self._templates = templates

    async def page(self, services: Services, request: Request) -> Response:
        """The desk, or its sign-in form."""
        feed = request.query_params.get("feed", "")
        try:
            token = await token_of(services, request, from_link=True)
        except Unauthenticated:
            token = None
        except Unavailable:
            # The page has no posts in it: its scripts wait, and keep the drafts.
            return self._show("desk.html", 503, who="")
        if token is None:
            return self._sign_in_form(feed)
        return self._show("desk.html", who=token.name)

    async def sign_in(self, services: Services, request: Request) -> Response:
        """Check a token, and set the cookie."""
        check_origin(services, request)
        raw = await body(request, MAX_FORM_BYTES)
        form = parse_qs(raw.decode("utf-8", "replace"))
        secret = form.get("token", [""])[0].strip()
        feed = form.get("feed", [""])[0]
        try:
            token = await services.tokens.check(secret)
        except Unavailable:
            return self._sign_in_form(
                feed, "The token can't be checked now. Try again.", 503
            )
        if token is None:
            return self._sign_in_form(feed, "This token is unknown.", 401)
        if "read" in token.scopes and len(token.scopes) == 1:
            return self._sign_in_form(feed, "This token may read, but not write.", 403)
        answer = _to_desk(services, feed)
        answer.set_cookie(
            COOKIE,
            secret,
            path=services.settings.root or "/",
            httponly=True,
            samesite="strict",
            secure=_is_secure(services, request),
        )
        return answer

    async def sign_out(self, services: Services, request: Request) -> Response:
        """Delete the cookie."""
        check_origin(services, request)
        answer = _to_desk(services, "")
        answer.delete_cookie(
            COOKIE,
            path=services.settings.root or "/",
            httponly=True,
            samesite="strict",
            secure=_is_secure(services, request),
        )
        return answer

    async def feeds(self, services: Services, request: Request) -> Response:
        """The feeds that this token may write to, of every visibility."""
        token = await signed_in(services, request)
        base, found = services.settings.base, []
        for kept in (await services.snapshots.feeds()).bodies:
            slug = _feed.decode(kept).slug
            if token.may("write", slug):
                found.append(msgspec.Raw(public_feed(kept, base)))
        return _json({"feeds": found, "makes": token.may("write", None)})

    async def preview(self, services: Services, request: Request) -> Response:
        """Render a draft as readers would see it. Nothing is stored."""
        feed = check_slug(request.query_params.get("feed", ""), "feed")
        await admit(services, request, "write", feed)
        raw = await body(request, services.settings.max_body_bytes)
        draft = check_draft(read(raw, _draft))
        shown = (await services.snapshots.snapshot(feed)).feed
        post = new_post(draft, "preview", await render(draft.body), now_ms())
        return _json(
            {
                "html": self._templates.post(shown, msgspec.to_builtins(post)),
                "language": shown["language"],
                "direction": shown["direction"],
            }
        )

    def _sign_in_form(
        self, feed: str, complaint: str = "", status: int = 200
    ) -> Response:
        return self._show("desk_sign_in.html", status, feed=feed, complaint=complaint)

    def _show(self, name: str, status: int = 200, **values: object) -> Response:
        files = self._files
        html = self._templates.page(
            name, files=files.address, styles=files.styles, **values
        )
        return Response(html, status, _GUARDED, "text/html; charset=utf-8")


# Read once, whatever number of addresses the site has.
_files = cache(DeskFiles)


def routes(services: Services) -> list[BaseRoute]:
    """The desk's routes."""
    folder = browser_folder()
    files = _files(folder)
    console = DeskConsole(files, Templates(folder, root=services.settings.root))
    table: dict[str, dict[str, Handler]] = {
        "/desk": {"GET": console.page},
        "/desk/sign-in": {"POST": console.sign_in},
        "/desk/sign-out": {"POST": console.sign_out},
        "/desk/feeds": {"GET": console.feeds},
        "/desk/preview": {"POST": console.preview},
        "/desk/files/{version}/{name:path}": {"GET": files.answer},
    }
    return [
        Route(path, Resource(services, handlers)) for path, handlers in table.items()
    ]


def _to_desk(services: Services, feed: str) -> RedirectResponse:
    query = f"?{urlencode({'feed': feed})}" if feed else ""
    address = f"{services.settings.root}/desk{query}"
    return RedirectResponse(address, 303, {"cache-control": "no-store"})


def _is_secure(services: Services, request: Request) -> bool:
    if request.url.scheme == "https":
        return True
    # Behind a proxy that terminates TLS, the request itself is plain HTTP.
    return services.settings.public_url.startswith("https://")


def _json(content: object) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(content), 200, headers, "application/json")
