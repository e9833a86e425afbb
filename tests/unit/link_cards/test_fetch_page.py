"""A fetch reaches public pages, within its limits, and nothing else on this earth."""

from __future__ import annotations

import asyncio
import gzip
import re
import ssl
import time
import tracemalloc
import zlib
from collections.abc import AsyncGenerator

import pytest

from stoppress.domain.errors import Invalid
from stoppress.link_cards.fetch_page import MAX_REDIRECTS, Page
from tests.certificates import issue, trust
from tests.unit.link_cards.web_servers import PUBLIC, PUBLIC_6, Internet, moved, page

pytestmark = pytest.mark.asyncio

PRIVATE = (
    # IPv4 in the notations that inet_aton and browsers know.
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.0.0.1"),
    *("0177.0.0.1", "0177.1", "017700000001", "127.0.0.1.", "00000127.0.0.1"),
    *("0x7f.1", "0x7f.0x0.0x0.0x1", "127.0x1", "4294967297", "0", "0.0.0.0", "0x0"),
    *("127.127.127.127", "10.0.0.1", "0xa000001", "172.16.0.1", "192.168.1.1"),
    *("3232235777", "100.64.0.1", "169.254.169.254", "2852039166", "0xa9fea9fe"),
    *("0251.0376.0251.0376", "168.63.129.16", "224.0.0.1", "255.255.255.255"),
    *("198.18.0.1", "192.0.0.192", "240.0.0.1"),
    # Digits and dots of other scripts.
    *("１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "𝟏𝟐𝟕.𝟎.𝟎.𝟏"),
    *("１２７。０。０。１", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ"),
    # IPv6, and IPv4 within.
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]"),
    *("[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:7f00:0001::1]"),
    *("[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%eth0]", "[fe80::1%25eth0]"),
    *("[fd00:ec2::254]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]"),
    # Names.
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain"),
    *("ip6-localhost", "printer.local", "metadata.google.internal", "metadata"),
    *("instance-data", "kubernetes.default.svc.cluster.local", "router.lan"),
    *("nas.home.arpa", "x.onion", "1.0.0.127.in-addr.arpa", "intranet", "db.corp"),
    *("127.0.0.1%00.example", "127.0.0.1%2f.example", "%31%32%37.0.0.1"),
    # What a name before the host, or a character in it, would hide.
    *("a.example@127.0.0.1", "a.example:80@127.0.0.1", "127.0.0.1#@a.example"),
    *("127.0.0.1:80\\@a.example", "a.example\\.127.0.0.1", "a.example\t@127.0.0.1"),
    # Names that anybody can have, which mean an address of here.
    *("rebound.example", "mapped.example", "mixed.example", "metadata.example"),
)
"""Hosts that must never be reached."""
PORTS = ("http://a.example:22/", "http://a.example:6379/", "http://127.0.0.1:8000/")


def internet_with_traps() -> Internet:
    """Public names with private addresses among theirs."""
    internet = Internet()
    internet.name("a.example", [PUBLIC])
    internet.name("rebound.example", ["127.0.0.1"])
    internet.name("mapped.example", ["::ffff:127.0.0.1"])
    internet.name("mixed.example", [PUBLIC, "127.0.0.1"])
    internet.name("metadata.example", ["169.254.169.254"])
    return internet


async def refusal(internet: Internet, url: str, *, timeout_s: float = 60.0) -> str:
    """Why an address is refused."""
    with pytest.raises(Invalid) as refused:
        await internet.fetcher(timeout_s=timeout_s).fetch(url)
    return str(refused.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", PRIVATE)
async def test_no_notation_reaches_a_private_address(host: str, scheme: str) -> None:
    """Neither by itself nor by a redirect, at any hop; and no refusal tells why."""
    async with internet_with_traps().running() as internet:
        direct = await refusal(internet, f"{scheme}://{host}/")
        for hops in (1, MAX_REDIRECTS):
            for n in range(1, hops):
                place = f"a.example/{n}"
                internet.answers[place] = moved(f"http://a.example/{n + 1}")
            internet.answers[f"a.example/{hops}"] = moved(f"{scheme}://{host}/")
            internet.heads.clear()
            await refusal(internet, "http://a.example/1")
            # `#@a.example` and the like are another address to a browser, and may
            # lead back to a.example.
            assert len(internet.heads) in (hops, hops + 1)
        assert internet.private_connections == 0
        assert {address for address, _ in internet.opened} <= {PUBLIC}
    assert re.search("unknown, or not on the public|is invalid", direct)


@pytest.mark.parametrize("url", PORTS)
async def test_other_ports_are_not_asked(url: str) -> None:
    """By themselves and by a redirect."""
    async with internet_with_traps().running() as internet:
        internet.answers["a.example/"] = moved(url)
        await refusal(internet, url)
        await refusal(internet, "http://a.example/")
        assert internet.opened == [(PUBLIC, 80)] and not internet.private_connections


async def test_private_and_unknown_are_told_in_the_same_words() -> None:
    """Nobody learns here which names a private network has."""
    async with internet_with_traps().running() as internet:
        internet.names["nobody.example"] = [[]]
        reported = {
            await refusal(internet, f"http://{host}/")
            for host in ("rebound.example", "nobody.example", "localhost", "10.0.0.1")
        }
    assert len(reported) == 1


async def test_a_name_that_changes_between_check_and_connection() -> None:
    """The address that was checked is the one that is asked, with the name as Host."""
    internet = Internet()
    internet.name("a.example", [PUBLIC], ["127.0.0.1"])
    internet.answers["a.example/"] = page()
    async with internet.running():
        found = await internet.fetcher().fetch("http://a.example/")
        assert found == Page("http://a.example/", "<title>A page</title>")
        assert internet.looked_up == ["a.example"]
        assert internet.opened == [(PUBLIC, 80)]
        # The next fetch, and the next hop of one, look it up anew.
        assert "public" in await refusal(internet, "http://a.example/")
        internet.name("a.example", [PUBLIC], ["127.0.0.1"])
        internet.answers["a.example/"] = moved("/again")
        assert "public" in await refusal(internet, "http://a.example/")
        assert internet.private_connections == 0


async def test_nothing_of_ours_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie that was set on the way, no proxy of the environment, no referrer."""
    internet = internet_with_traps()
    redirect = b"set-cookie: a=b; path=/\r\ncontent-length"
    internet.answers["a.example/"] = moved("/next").replace(b"content-length", redirect)
    internet.answers["a.example/next"] = page()
    async with internet.running():
        proxy = f"http://127.0.0.1:{internet.listener_port}"
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
        await internet.fetcher().fetch("http://a.example/")
        assert internet.private_connections == 0
    first, second = internet.heads
    for head in (first, second):
        names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:-2]}
        assert names == {
            *("host", "user-agent", "accept", "accept-encoding", "connection"),
        }
    assert second.startswith("GET /next HTTP/1.1")


async def test_tls_is_about_the_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Over IPv6 too; a certificate for another name is refused."""
    folder = tmp_path_factory.mktemp("certificate")
    files = issue(folder, "a.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.cert, files.key)
    asked: list[str | None] = []
    server.sni_callback = lambda _, name, __: asked.append(name)
    internet = Internet(answers={"a.example": page(), "b.example": page()})
    internet.name("a.example", [PUBLIC_6, PUBLIC])
    internet.name("b.example", [PUBLIC])
    async with internet.running(server):
        fetcher = internet.fetcher(trust=trust())
        assert (await fetcher.fetch("https://a.example/x")).url == "https://a.example/x"
        with pytest.raises(Invalid, match="connection failed"):
            await fetcher.fetch("https://b.example/")
        with pytest.raises(Invalid, match="connection failed"):
            await internet.fetcher().fetch("https://a.example/")
    assert asked[:2] == ["a.example", "b.example"]
    assert internet.opened[0] == (PUBLIC_6, 443)


@pytest.mark.parametrize(
    ("answer", "reported"),
    [
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 302 Moved\r\ncontent-length: 0\r\n\r\n", "answered 302"),
        (moved("http://[::1"), "can't be read"),
        (moved("javascript:alert(1)"), "invalid"),
        (moved("file:///etc/passwd"), "invalid"),
        (moved("/"), f"more than {MAX_REDIRECTS} redirects"),
        (page(content_type="image/png"), "no web page"),
        (page(content_type="application/json"), "no web page"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "no web page"),
        (page(content_encoding="br"), "compression"),
        (page(content_encoding="gzip, gzip"), "compression"),
        (page(content_encoding="gzip"), "damaged"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "connection failed"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 60_000, "connection failed"),
        (b"", "connection failed"),
    ],
)
async def test_an_answer_that_is_not_a_page_is_refused(
    answer: bytes, reported: str
) -> None:
    """Each is told to who pasted the address."""
    async with internet_with_traps().running() as internet:
        internet.answers["a.example"] = answer
        assert reported in await refusal(internet, "http://a.example/")


async def drip(piece: bytes, pause_s: float) -> AsyncGenerator[bytes, None]:
    """An answer without end."""
    yield b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n"
    while True:
        await asyncio.sleep(pause_s)
        yield piece


async def test_time_is_bounded() -> None:
    """Of the whole, however often something comes; and of a look-up that hangs."""
    async with internet_with_traps().running() as internet:
        internet.answers["a.example"] = lambda _: drip(b"x", 0.02)
        started = time.monotonic()
        reported = await refusal(internet, "http://a.example/", timeout_s=0.4)
        assert "within 0.4 s" in reported and time.monotonic() - started < 60

        async def hang(host: str) -> list[str]:
            await asyncio.sleep(3600)
            return []

        internet.resolve = hang  # type: ignore[method-assign]
        assert "within" in await refusal(internet, "http://a.example/", timeout_s=0.4)


async def test_bytes_are_bounded() -> None:
    """An endless page ends at the limit; its head may have come."""
    async with internet_with_traps().running() as internet:
        internet.answers["a.example"] = lambda _: drip(b"<p>" * 10_000, 0)
        found = await internet.fetcher(max_bytes=50_000).fetch("http://a.example/")
        assert len(found.markup) == 50_000

        async def with_head(_: str) -> AsyncGenerator[bytes, None]:
            yield b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<title>A</he"
            yield b"ad>"
            await asyncio.sleep(3600)

        internet.answers["a.example"] = with_head
        found = await internet.fetcher(timeout_s=60).fetch("http://a.example/")
        assert found.markup == "<title>A</head>"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_the_size_of_a_decompressed_page_is_bounded(encoding: str) -> None:
    """A hundred kilobytes that would be a hundred megabytes."""
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = pack(b"\n" * (100 << 20))
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-encoding: {encoding}"
    answer = f"{head}\r\n\r\n".encode() + bomb
    small = f"{head}\r\n\r\n".encode() + pack(b"<title>Packed</title>")
    async with internet_with_traps().running() as internet:
        internet.answers["a.example"] = answer
        tracemalloc.start()
        found = await internet.fetcher(max_bytes=64 << 10).fetch("http://a.example/")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(found.markup) == 64 << 10 and peak < 4 << 20
        internet.answers["a.example"] = small
        found = await internet.fetcher().fetch("http://a.example/")
        assert found.markup == "<title>Packed</title>"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/html", "é".encode(), "é"),
        ("text/html; charset=iso-8859-1", b"\xe9", "é"),
        ('text/html; charset="Windows-1251"', b"\xd0", "Р"),
        ("text/html", b'<meta charset="shift_jis">\x83e', None),
        ("text/html; charset=utf-8", b"\xff\xfe" + "é".encode("utf-16-le"), "é"),
        ("text/html; charset=rot13", b"abc\xff", "abc\ufffd"),
        ("text/html; charset=unicode_escape", b"\\x41", "\\x41"),
        ("text/html; charset=iso-8859-99", b"\xff", "\ufffd"),
        ("application/xhtml+xml", b"<html/>", "<html/>"),
    ],
)
async def test_encodings(kind: str, body: bytes, text: str | None) -> None:
    """By the page's mark, its header, its own word; of those that browsers know."""
    async with internet_with_traps().running() as internet:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n".encode()
        internet.answers["a.example"] = head + body
        found = await internet.fetcher().fetch("http://a.example/")
    assert found.markup == (text or body.decode("shift_jis"))
