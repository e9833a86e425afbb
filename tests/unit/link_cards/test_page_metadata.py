"""What a page says of itself becomes a card's members, whatever it says."""

from __future__ import annotations

import time

import pytest

from stoppress.link_cards.page_metadata import metadata

URL = "https://a.example/news/1"


@pytest.mark.parametrize(
    ("markup", "card"),
    [
        ("", {}),
        ("<title> A\n page </title>", {"title": "A page"}),
        (
            (
                '<title>x</title><meta name="twitter:title" content="T">'
                '<meta property="og:title" content="O &amp; P > Q">'
                '<meta name="description" content="d">'
                '<meta property="og:description" content="D">'
                '<meta property="og:image" content="/i.png">'
                '<meta property="og:site_name" content="S">'
            ),
            {
                "title": "O & P > Q",
                "text": "D",
                "image": "https://a.example/i.png",
                "provider": "S",
            },
        ),
        (
            "<meta property=og:title content=' '><title>Named</title>",
            {"title": "Named"},
        ),
        ("<meta NAME=Description CONTENT=Said>", {"text": "Said"}),
        ("<meta property=og:title><meta content=x><meta>", {}),
        ("<script><title>no</title></script><title>yes</title>", {"title": "yes"}),
        (
            (
                "<meta property=og:image content='javascript:alert(1)'>"
                "<meta name=twitter:image content='//b.example/x.jpg'>"
            ),
            {"image": "https://b.example/x.jpg"},
        ),
        ("<meta property=og:image content='data:image/png;base64,AA'>", {}),
        ("<meta property=og:image content='https://u@b.example/x'>", {}),
        ("<meta property=og:image content='http://[::1'>", {}),
        ("<meta property=og:image content='file:///x'>", {}),
        (f"<meta property=og:image content='/{'x' * 2100}'>", {}),
        (
            "<title>a\u202eb\u0000c\u200f\ufffd\ue000</title>",
            {"title": "a\u202ebc\u200f\u202c"},
        ),
        (
            f"<title>{'word ' * 100}</title>",
            {"title": ("word " * 60)[:-1].removesuffix(" word") + "…"},
        ),
        ("<title><b>bold</b></title>", {"title": "<b>bold</b>"}),
    ],
)
def test_cards(markup: str, card: dict[str, str]) -> None:
    """Open Graph first, then Twitter's names, then HTML's own."""
    assert metadata(markup, URL) == card


@pytest.mark.parametrize(
    "piece",
    [
        *("<", "<!--", "<meta", '<meta content="', "<meta 'x\"y", "<title>", "<a>" * 8),
        *("&", "&#x41", "<svg><title>", "<template>", "<select><option>", "<table>"),
        *("<div>", "<meta ", "<meta a ", "<meta a=b>", "<font a><p>", "a1 ", "<!-->"),
    ],
)
def test_hostile_markup_costs_little_time(piece: str) -> None:
    """Half a megabyte of any of them costs little."""
    started = time.process_time()
    metadata(piece * ((512 << 10) // len(piece)), URL)
    assert time.process_time() - started < 3
