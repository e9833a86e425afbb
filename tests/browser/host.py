"""A site of somebody else, with the widget in its pages, under a strict policy."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>News</title>
<style-sheet></style-sheet><h1>News</h1>
<script async src="{hub}/stop-press.js"></script>
<script async src="{hub}/stop-press.js?again"></script>
<stop-press feed="{feed}"><a href="{hub}/live/{feed}">Read it live</a></stop-press>
"""


class Host:
    """Another site: pages by path, under a strict policy."""

    def __init__(self, hub: str) -> None:
        self.pages: dict[str, str] = {}
        self.hub = hub
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = host.pages.get(self.path, "").encode()
                self.send_response(200 if body else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                socket = host.hub.replace("http", "ws")
                self.send_header(
                    "content-security-policy",
                    f"default-src 'none'; script-src 'self' {host.hub}; "
                    f"style-src 'self'; connect-src {host.hub} {socket}; "
                    f"img-src *; frame-src {host.hub}; "
                    "require-trusted-types-for 'script'; trusted-types stop-press",
                )
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
