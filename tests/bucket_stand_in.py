"""A stand-in for an S3 bucket, in this process: it checks each request's signature.

`signature` follows AWS Signature Version 4, and is tried on AWS's own example.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape
from xml.sax.saxutils import unescape as xml_unescape

KEY_ID, SECRET, REGION, BUCKET = "AKIDEXAMPLE", "a secret of tests", "eu-test-1", "news"


def signature(
    secret: str, method: str, target: str, signed: Mapping[str, str], scope: str
) -> str:
    """The signature of a request; `signed`: its signed headers, by lower-case name."""
    parts = urlsplit(target)
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))
    )
    names = sorted(signed)
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in names)
    body = signed.get("x-amz-content-sha256") or hashlib.sha256(b"").hexdigest()
    request = "\n".join([method, parts.path, query, lines, ";".join(names), body])
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", signed["x-amz-date"], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


class Bucket:
    """A bucket at an address of its own."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, str]] = {}
        """The content and type of each file, by its key."""
        self.refused: list[str] = []
        everything = self

        class Handler(_Handler):
            bucket = everything

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Bucket:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    do_PUT = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if fault := self._fault(body):
            self.bucket.refused.append(fault)
            return self._answer(403, f"<Error><Code>{fault}</Code></Error>".encode())
        parts = urlsplit(self.path)
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").lstrip("/")
        files = self.bucket.files
        if self.command == "POST":
            return self._remove(re.findall(r"<Key>(.*?)</Key>", body.decode()))
        if not key:
            return self._list(dict(parse_qsl(parts.query)))
        if self.command == "PUT":
            files[key] = (body, self.headers.get("content-type", ""))
        elif key not in files:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        content = files[key][0] if self.command == "GET" else b""
        self._answer(200, content)

    def _fault(self, body: bytes) -> str:
        """Why the request is not signed as it must be; "": it is."""
        kind, _, rest = self.headers.get("authorization", "").partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(",") if part)
        if kind != "AWS4-HMAC-SHA256" or not fields:
            return "MissingSecurityHeader"
        ident, _, scope = fields["Credential"].partition("/")
        names = fields["SignedHeaders"].split(";")
        signed = {name: self.headers.get(name, "") for name in names}
        if {"host", "x-amz-date", "x-amz-content-sha256"} - set(names):
            return "MissingSignedHeader"
        stated = signed["x-amz-content-sha256"]
        if stated not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return "XAmzContentSHA256Mismatch"
        wanted = f"{signed['x-amz-date'][:8]}/{REGION}/s3/aws4_request"
        right = signature(SECRET, self.command, self.path, signed, scope)
        is_right = hmac.compare_digest(right, fields["Signature"])
        ok = (ident, scope) == (KEY_ID, wanted) and is_right
        return "" if ok else "SignatureDoesNotMatch"

    def _remove(self, keys: list[str]) -> None:
        """Answer a request to remove several files at once."""
        for key in keys:
            self.bucket.files.pop(xml_unescape(key), None)
        rows = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{rows}</DeleteResult>".encode())

    def _list(self, query: dict[str, str]) -> None:
        prefix, rows, folders = query.get("prefix", ""), "", set()
        for key, (body, _) in sorted(self.bucket.files.items()):
            if not key.startswith(prefix):
                continue
            first, slash, _ = key[len(prefix) :].partition("/")
            if query.get("delimiter") and slash:
                folders.add(f"{prefix}{first}/")
                continue
            rows += (
                f"<Contents><Key>{escape(key)}</Key><Size>{len(body)}</Size>"
                "<LastModified>2026-11-28T10:00:00.000Z</LastModified></Contents>"
            )
        rows += "".join(
            f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>"
            for one in sorted(folders)
        )
        count = "<IsTruncated>false</IsTruncated>"
        text = f"<ListBucketResult>{count}{rows}</ListBucketResult>"
        self._answer(200, text.encode())

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"e"')
        self.send_header("last-modified", formatdate(usegmt=True))
        self.end_headers()
        self.wfile.write(body)
