"""A server that speaks TLS itself: its port, its certificate, its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import connect

from stoppress.guard.open_connections import MAX_TOLD
from tests.certificates import CertificateFiles, issue, trust
from tests.conftest import Server, started
from tests.plain_http import PATIENCE_S
from tests.ports import reserve_port
from tests.waiting import until


class TlsServer:
    """A running server with TLS, and its files."""

    def __init__(self, server: Server, files: CertificateFiles, plain: int) -> None:
        self.server = server
        self.files = files
        self.plain = plain

    def request(self, method: str, path: str, **more: object) -> httpx.Response:
        """Ask as the admin."""
        headers = {"authorization": f"Bearer {self.server.token}"}
        with httpx.Client(verify=trust(), timeout=PATIENCE_S) as client:
            url = self.server.url + path
            return client.request(method, url, headers=headers, **more)  # type: ignore[arg-type]  # json

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.server.log.read_text()

    def certificate(self) -> bytes:
        """The certificate that a new connection is shown."""
        address = urlsplit(self.server.url)
        bare = socket.create_connection((address.hostname, address.port), PATIENCE_S)
        with trust().wrap_socket(bare, server_hostname="localhost") as line:
            found = line.getpeercert(binary_form=True)
            assert found is not None
            return found


@pytest.fixture(scope="module")
def tls(
    serving: Callable[..., object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    """A server with TLS for the tests of this module."""
    folder = tmp_path_factory.mktemp("tls")
    files, plain = issue(folder), reserve_port()
    options = ["--tls-cert", str(files.cert), "--tls-key", str(files.key)]
    options += ["--redirect-port", str(plain), "--drain-s", "0.2"]
    with serving(folder / "data", *options) as running:  # type: ignore[attr-defined]
        yield TlsServer(running, files, plain)


@pytest.mark.asyncio
async def test_one_tls_port_serves_everything(tls: TlsServer) -> None:
    """API, pages, desk, widget, event stream and WebSocket, with https in addresses."""
    assert tls.server.url.startswith("https://")
    made = tls.request("POST", "/v1/feeds", json={"slug": "all", "title": "All"})
    assert made.status_code == 201
    assert made.json()["url"].startswith("https://")
    url = tls.server.url.replace("https://", "wss://") + "/v1/live?feed=all"
    async with connect(url, ssl=trust()) as line:
        assert json.loads(await line.recv())["type"] == "hello"
        body = {"body": "x" * 50_000}
        published = await asyncio.to_thread(
            tls.request, "POST", "/v1/feeds/all/posts", json=body
        )
        assert published.status_code == 201
        message = json.loads(await line.recv())
        assert message["type"] == "post.published"
        assert message["post"]["url"].startswith("https://")
    for path in ("/live/all", "/desk", "/stop-press.js", "/v1/feeds/all", "/metrics"):
        assert tls.request("GET", path).status_code == 200


def test_event_streams_work_and_the_desk_s_cookie_is_secure(tls: TlsServer) -> None:
    """A stream begins with hello; the sign-in sets a Secure cookie."""
    tls.request("POST", "/v1/feeds", json={"slug": "streamed", "title": "S"})
    with httpx.Client(verify=trust(), timeout=PATIENCE_S) as client:
        address = f"{tls.server.url}/v1/feeds/streamed/events"
        accept = {"accept": "text/event-stream"}
        with client.stream("GET", address, headers=accept) as stream:
            assert "event: hello" in stream.iter_lines()
        signed_in = client.post(
            f"{tls.server.url}/desk/sign-in",
            data={"token": tls.server.token},
            headers={"origin": tls.server.url},
        )
    assert "Secure" in signed_in.headers["set-cookie"]


def test_alpn_and_tls_versions_are_limited(tls: TlsServer) -> None:
    """HTTP/1.1, and TLS 1.2 or 1.3."""
    address = urlsplit(tls.server.url)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        bare = socket.create_connection((address.hostname, address.port), PATIENCE_S)
        with context.wrap_socket(bare) as line:
            assert line.selected_alpn_protocol() == "http/1.1"
            assert line.version() == version.name.replace("_", ".")


def test_plain_http_is_refused_or_redirected(tls: TlsServer) -> None:
    """The TLS port answers with an explanation, the other port with a redirect."""
    port = urlsplit(tls.server.url).port
    answer = httpx.get(f"http://127.0.0.1:{port}/live/x", trust_env=False)
    assert answer.status_code == 400 and "https" in answer.text
    assert tls.log.count("HTTP without TLS") == 1
    answer = httpx.post(f"http://localhost:{tls.plain}/live/x?y=1", trust_env=False)
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://localhost:{port}/live/x?y=1"


@pytest.mark.asyncio
async def test_a_renegotiation_is_refused(tls: TlsServer) -> None:
    """By TLS 1.2; the connection stays usable or ends; other connections go on."""
    address = urlsplit(tls.server.url)
    done = await asyncio.to_thread(
        subprocess.run,
        ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{address.port}"],
        input=b"R\n",
        capture_output=True,
        timeout=PATIENCE_S,
    )
    said = done.stdout + done.stderr
    assert b"RENEGOTIATING" in said and b"no renegotiation" in said
    assert tls.request("GET", "/healthz").status_code == 200


@pytest.mark.asyncio
async def test_a_new_certificate_is_loaded_without_a_restart(
    tls: TlsServer, tmp_path: Path
) -> None:
    """When its files change and at SIGHUP; an invalid pair keeps the old one."""
    url = tls.server.url.replace("https://", "wss://") + "/v1/live?feed=held"
    tls.request("POST", "/v1/feeds", json={"slug": "held", "title": "Held"})
    first = tls.certificate()
    async with connect(url, ssl=trust()) as line:
        await line.recv()
        new = issue(tmp_path)
        tls.files.cert.write_bytes(new.cert.read_bytes())
        await until(lambda: "does not match" in tls.log, PATIENCE_S)
        assert tls.certificate() == first
        tls.files.key.write_bytes(new.key.read_bytes())
        await until(lambda: tls.certificate() != first, PATIENCE_S)
        second = tls.certificate()
        new = issue(tmp_path)
        tls.files.key.write_bytes(new.key.read_bytes())
        tls.files.cert.write_bytes(new.cert.read_bytes())
        tls.server.process.send_signal(signal.SIGHUP)
        await until(lambda: tls.certificate() != second, PATIENCE_S)
        # Open connections have theirs, and go on.
        tls.request("POST", "/v1/feeds/held/posts", json={"body": "still"})
        assert json.loads(await line.recv())["post"]["html"] == "<p>still</p>"


@pytest.mark.asyncio
async def test_sigterm_closes_tls_readers_cleanly(
    serving: Callable[..., object], tmp_path: Path
) -> None:
    """bye, 4000, and close_notify, so that no client takes it for an attack."""
    files = issue(tmp_path)
    options = ("--tls-cert", str(files.cert), "--tls-key", str(files.key))
    with serving(tmp_path / "data", *options, "--drain-s", "0.2") as running:  # type: ignore[attr-defined]
        server = TlsServer(running, files, 0)
        server.request("POST", "/v1/feeds", json={"slug": "x", "title": "X"})
        url = running.url.replace("https://", "wss://") + "/v1/live?feed=x"
        async with connect(url, ssl=trust()) as line:
            await line.recv()
            running.process.terminate()
            assert json.loads(await line.recv())["type"] == "bye"
            await line.wait_closed()
            assert line.close_code == 4000
        assert await asyncio.to_thread(running.end) == 0


def test_handshakes_over_the_limit_per_address_are_closed(tmp_path: Path) -> None:
    """Unanswered; other addresses, and finished handshakes, are served."""
    files = issue(tmp_path)
    options = ["--tls-cert", str(files.cert), "--tls-key", str(files.key)]
    variables = {"STOPPRESS_ADDRESS_CONNECTIONS": "3", "STOPPRESS_LIMITS": "on"}
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = trust().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    first = outgoing.read()
    with started(tmp_path / "data", *options, **variables) as server:
        where = urlsplit(server.url)
        begun, refused = [], 0
        for _ in range(3 + MAX_TOLD + 40):
            bare = socket.create_connection(
                (where.hostname, where.port), PATIENCE_S, ("127.0.0.2", 0)
            )
            try:
                bare.sendall(first)
                answer = bare.recv(1)
            except (ConnectionResetError, BrokenPipeError):
                answer = b""
            if answer:
                assert answer == b"\x16"
                begun.append(bare)
            else:
                refused += 1
                bare.close()
        assert (len(begun), refused) == (3 + MAX_TOLD, 40)
        headers = {"authorization": f"Bearer {server.token}"}
        with httpx.Client(verify=trust(), timeout=PATIENCE_S) as client:
            counted = client.get(f"{server.url}/metrics", headers=headers).text
        assert 'stoppress_tls_handshakes_total{outcome="refused"} 40.0' in counted
        for bare in begun:
            bare.close()


@pytest.mark.asyncio
async def test_an_unusable_certificate_prints_one_line(tmp_path: Path) -> None:
    """The server exits at once, with the code of a bad start."""
    files = issue(tmp_path)
    other = issue(tmp_path, name="other")
    for cert, key, said in (
        (tmp_path / "none", files.key, "tls_cert="),
        (files.cert, other.key, "does not match"),
        (files.cert, "", "tls_key"),
    ):
        environment = {k: v for k, v in os.environ.items() if "STOPPRESS" not in k}
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "stoppress", "serve", "--port", "0"]
            + ["--data", str(tmp_path / "data"), "--tls-cert", str(cert)]
            + (["--tls-key", str(key)] if key else []),
            capture_output=True,
            text=True,
            env=environment,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 2 and said in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_bench_runs_over_tls(tls: TlsServer) -> None:
    """`stoppress bench --tls`: each reader gets every byte, as the heads tell."""
    done = subprocess.run(
        [sys.executable, "-m", "stoppress", "bench", "--tls", "--json"]
        + ["--url", tls.server.url]
        + ["--readers", "50", "--posts", "20", "--size", "3000"],
        env=os.environ | {"STOPPRESS_TOKEN": tls.server.token},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    # 2: all was delivered, and this machine was too slow for figures.
    assert done.returncode in (0, 2), done.stderr
    assert json.loads(done.stdout)["deliveries"] == 1000
