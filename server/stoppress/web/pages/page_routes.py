"""The addresses of the pages that people read, and of the files that these load."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from stoppress.web.dispatch_cors_and_write_pacing import Resource
from stoppress.web.pages import picture_files, well_known
from stoppress.web.pages.browser_files import BrowserFiles
from stoppress.web.pages.find_browser_files import browser_folder
from stoppress.web.pages.handle_pages_and_feed_documents import Pages
from stoppress.web.pages.reader_template_values import PageViews
from stoppress.web.pages.render_html import Templates
from stoppress.web.services import Services

_Page = Callable[[Pages, Request], Awaitable[Response]]


class _Address:
    """One page's address as an ASGI application.

    A refusal is a page too; for programs it is a problem document.
    """

    def __init__(self, pages: Pages, page: _Page, *, for_programs: bool) -> None:
        self._pages = pages
        self._page = page
        self._for_programs = for_programs

    async def __call__(self, services: Services, request: Request) -> Response:
        try:
            return await self._page(self._pages, request)
        except Exception as error:
            if self._for_programs:
                raise
            return self._pages.refusal(request, error)


# Made once, for all addresses of the site.
_files = cache(BrowserFiles)


def routes(services: Services) -> list[BaseRoute]:
    """The readers' pages and files."""
    folder = browser_folder()
    settings = services.settings
    files = _files(folder, tuple(settings.shared))
    views = PageViews(
        Templates(folder, settings.shared, settings.root),
        files.addresses,
        settings.base,
        settings.publisher,
        settings.publisher_logo,
        settings.pages,
    )
    pages = Pages(services, views)
    table: dict[str, _Page] = {
        "/": Pages.index,
        "/oembed": Pages.oembed,
        "/sitemap.xml": Pages.sitemap,
        "/live/{feed}": Pages.feed,
        "/live/{feed}/atom.xml": Pages.atom,
        "/live/{feed}/feed.json": Pages.json_feed,
        "/live/{feed}/others.json": Pages.others,
        "/live/{feed}/{post}": Pages.post,
        "/embed/{feed}": Pages.frame,
        "/embed/{feed}/{post}": Pages.framed_post,
    }
    shared = ("/oembed", "/live/{feed}/atom.xml", "/live/{feed}/feed.json")
    for_programs = (*shared, "/sitemap.xml", "/live/{feed}/others.json")
    made = [
        Route(
            path,
            Resource(
                services,
                {"GET": _Address(pages, page, for_programs=path in for_programs)},
                shared=path in shared,
            ),
        )
        for path, page in table.items()
    ]
    words = "/stop-press/words/{language}.json"
    return [
        *made,
        *(
            Route(path, Resource(services, {"GET": files.file}, shared=True))
            for path in files.paths
        ),
        Route(words, Resource(services, {"GET": files.words}, shared=True)),
        *(
            Route(path, Resource(services, {"GET": picture_files.show}, shared=True))
            for path in ("/media/{feed}/{name}", "/media/{feed}/{name}/{width}")
        ),
        Route("/robots.txt", Resource(services, {"GET": well_known.robots})),
        Route(
            "/.well-known/security.txt",
            Resource(services, {"GET": well_known.security}),
        ),
    ]
