"""An address leads where it seems to lead."""

from __future__ import annotations

import pytest

from stoppress.domain.feed import FeedImage, FeedInput, RelatedLink
from stoppress.domain.post import Author, Media, PostInput, Source
from stoppress.domain.web_address import address_fault, addresses_in


@pytest.mark.parametrize(
    "address",
    [
        "https://news.example/a?b=c@d#e@f",
        "http://news.example:8080",
        "https://[2001:db8::1]:8443/a",
        "https://müller.example/straße",
        "https://news.example/@author",
        "HTTPS://NEWS.EXAMPLE/",
        *("http://[::1]", "http://[::ffff:192.0.2.1]:65535/", "https://news.example:/"),
        *("https://news.example/[a]?b=[c]#[d]", "http://192.0.2.1:80"),
        "/live/quay",
        "mailto:desk@news.example",
        "tel:+901234",
    ],
)
def test_a_good_address(address: str) -> None:
    """As newsrooms use them."""
    assert address_fault(address) is None


@pytest.mark.parametrize(
    "address",
    [
        *(
            "https://[x",
            "https://[::1",
            "https://a[b]/",
            "https://[gg]/",
            "https://[]/",
        ),
        *("https://[1.2.3.4]/", "https://]/", "https://a]", "https://[::1]x/"),
        *("https://[::1]:80:80/", "https://a:b/", "https://a:1:2/", "https://a:65536/"),
        *("https://a：b：c/", "https://[[::1]]/", "https://[::1]]/", "https://℀/"),
        *("https://bank.example@evil.example/", "https://a:b@evil.example"),
        *("https://@evil.example/", "http://bank.example%40evil.example/"),
        *("https://bank.example＠evil.example/", "https://bank.example／evil/"),
        *("https://bank.example\\@evil.example/", "https:\\\\evil.example"),
        *("/\\evil.example", "/a\\b", "//evil.example", "///evil.example"),
        *("https:///evil.example", "https://:80/", "https://"),
        *("https:evil.example", "javascript:alert(1)", "java\tscript:alert(1)"),
        *("data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://a/"),
        *("blob:https://a/b", "view-source:https://a", "filesystem:https://a"),
        *(" https://a.example", "", "a", "#a", "?a", "\u00a0https://a.example"),
        *("https://a.example/\n", "https://a.example/\x00", "/a\tb", "/\x85"),
        *("https://a.example/\u202egpj.exe", "https://\u2066a.example", "/\u200fa"),
        *("https://a.example/\u2028", "https://a b.example/", "https://a<b.example"),
    ],
)
def test_a_bad_address(address: str) -> None:
    """Each with a reason that says what to do or what is wrong."""
    assert (address_fault(address) or "").startswith("is invalid: ")


def test_every_address_is_found() -> None:
    """With the path of its field; texts are none."""
    post = PostInput(
        body="https://a",
        authors=(Author("Ada", "/ada"),),
        source=Source("https://b", "https://wire.example"),
        media=(Media("image", "/a.png"), Media("link", "/l", image="/i.png")),
    )
    assert list(addresses_in(post)) == [
        ("authors[0].url", "/ada"),
        ("source.url", "https://wire.example"),
        ("media[0].url", "/a.png"),
        ("media[1].url", "/l"),
        ("media[1].image", "/i.png"),
    ]
    feed = FeedInput(
        title="t", links=(RelatedLink("l", "/l"),), image=FeedImage("/i.png")
    )
    assert list(addresses_in(feed)) == [("links[0].url", "/l"), ("image.url", "/i.png")]
