"""Markdown becomes HTML that can do nothing to the page around it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoppress.desk import markdown
from stoppress.desk.markdown import MAX_HTML_LENGTH, MAX_MARKS, TooMuchMarkup, to_html
from stoppress.desk.markdown_lists_tables_cjk import ALIGNMENTS

ALLOWED = set(
    "p br hr h3 h4 h5 h6 blockquote pre code ul ol li em strong s a img "
    "table thead tbody tr th td".split()
)
TAG = re.compile(r"<(/?)([a-zA-Z0-9]+)((?:[^>\"]|\"[^\"]*\")*)>")
ATTRIBUTE = re.compile(r'\s([a-z-]+)="([^"]*)"')


def test_common_markup_is_rendered() -> None:
    """Emphasis, lists, quotes, code, tables and strikethrough."""
    html = to_html("**a** *b* ~~c~~ `d`\n\n- e\n\n> f\n\n|g|h|\n|-|-|\n|1|2|")
    assert "<strong>a</strong> <em>b</em> <s>c</s> <code>d</code>" in html
    assert "<li>e</li>" in html
    assert "<blockquote>\n<p>f</p>\n</blockquote>" in html
    assert "<th>g</th>" in html and "<td>2</td>" in html


def test_headings_begin_at_h3() -> None:
    """The page's own headings stay above those of a post."""
    assert to_html("# a\n## b\n### c\n#### d\n###### e") == (
        "<h3>a</h3>\n<h4>b</h4>\n<h5>c</h5>\n<h6>d</h6>\n<h6>e</h6>"
    )
    assert to_html("a\n===") == "<h3>a</h3>"


def test_headings_go_down_one_level_at_a_time() -> None:
    """Whatever number an editor begins with, and wherever they jump."""
    assert to_html("### a\n\n###### b\n\n## c\n\n### d") == (
        "<h3>a</h3>\n<h4>b</h4>\n<h3>c</h3>\n<h4>d</h4>"
    )


def test_links_say_that_they_are_not_ours() -> None:
    """Links given and bare get rel; text that only looks like one is left."""
    rel = 'rel="noopener nofollow ugc"'
    assert to_html("[a](https://x.example/?b=1&c=2)") == (
        f'<p><a href="https://x.example/?b=1&amp;c=2" {rel}>a</a></p>'
    )
    assert f'<a href="https://x.example" {rel}>' in to_html("see https://x.example.")
    assert to_html("the end.New a@b.example") == "<p>the end.New a@b.example</p>"


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java&#115;cript:alert(1)",
        "&#x6A;avascript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
        "%6aavascript:alert(1)",
        "#x",
        "relative",
    ],
)
def test_an_address_of_another_kind_makes_no_link(address: str) -> None:
    """Neither as a link nor as a picture, nor by a reference."""
    for text in (
        f"[a]({address})",
        f"[a](<{address}>)",
        f"![a]({address})",
        f"<{address}>",
        f"[a]\n\n[a]: {address}",
    ):
        html = to_html(text)
        assert "href" not in html and "src" not in html, html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        '<a href="javascript:x" style="position:fixed">y</a>',
        "<b id=x>y</b>",
        "<!-- x --><iframe src=//e></iframe>",
        "<style>*{display:none}</style>",
        "`<script>`",
        "```html\n<script>x</script>\n```",
        '![x"onerror="y](https://e.example/"onerror="z)',
        '[x](https://e.example "t\\" onclick=\\"y")',
        "&lt;script&gt;x&lt;/script&gt;",
        "<math><mi//xlink:href='data:x,<script>'>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    ],
)
def test_raw_html_is_text(text: str) -> None:
    """What an editor types is what readers see, not what browsers do."""
    assert_harmless(to_html(text))


def assert_harmless(html: str) -> None:
    """Only tags and attributes of the list are there, and the rest is escaped."""
    for match in TAG.finditer(html):
        assert match[2] in ALLOWED, html
        for name, value in ATTRIBUTE.findall(match[3]):
            assert name in {
                *("href", "src", "alt", "title", "rel", "loading", "start"),
                "class",
            }
            if name == "class":
                assert match[2] in ("th", "td") and value in ALIGNMENTS, html
            if name in {"href", "src"}:
                assert re.match(r"(https?:|mailto:|tel:|/[^/\\]|/$)", value), html
    assert "<" not in TAG.sub("", html)


@given(st.text(alphabet="<>[]()!`*_~#|-:\\\"'&;=/ \nabjscript1.", max_size=80))
@settings(max_examples=300, deadline=None)
def test_no_text_makes_harmful_html(text: str) -> None:
    """Whatever the marks, the allow-list holds."""
    assert_harmless(to_html(text))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("[a **b**]() c", "<p>a <strong>b</strong> c</p>"),
        ("[]()", "<p></p>"),
        ("![a *b*]( ) c", "<p>a <em>b</em> c</p>"),
        ("[![a]()](/b)", '<p><a href="/b" rel="noopener nofollow ugc">a</a></p>'),
        ("[a]( 'title')", "<p>[a]( 'title')</p>"),
        ("[![a](/a.png)]()", '<p><img src="/a.png" alt="a" loading="lazy"></p>'),
        ("[a]() [b](/b)", '<p>a <a href="/b" rel="noopener nofollow ugc">b</a></p>'),
    ],
)
def test_what_has_no_address_is_its_words(text: str, html: str) -> None:
    """An empty address is that of the page itself."""
    assert to_html(text) == html


def test_pictures_load_late() -> None:
    """A picture keeps its words, and waits until it is near."""
    assert to_html('![Map](https://x.example/a.png "The quay")') == (
        '<p><img src="https://x.example/a.png" alt="Map" title="The quay" '
        'loading="lazy"></p>'
    )


@pytest.mark.parametrize(
    "text",
    [
        "الماء يرتفع في الميناء (3.5 متر)",
        "\u202babc\u202c \u2067x\u2069 \u200fy",
        "Sular yükseliyor — İskele’de",
        "🌊👩‍👩‍👧 é",
    ],
)
def test_text_of_any_direction_is_left_as_it_is(text: str) -> None:
    """No control character of Unicode is lost or added."""
    assert to_html(text) == f"<p>{text}</p>"


@given(st.text(alphabet="abHTPShtpmailo:/.@- *[]()<>", max_size=40))
@settings(max_examples=300, deadline=None)
def test_a_bare_address_changes_no_word(text: str) -> None:
    """Whatever becomes a link, readers see what was typed."""
    shown = re.sub("<[^>]*>", "", to_html(f"x {text} x"))
    plain = re.sub("<[^>]*>", "", to_html(f"x {text.replace(':', '&#58;')} x"))
    assert shown.replace("mailto:", "") == plain.replace("mailto:", "")


@pytest.mark.parametrize(
    ("text", "address", "left"),
    [
        ("see https://x.example/a.", "https://x.example/a", "see ."),
        ("(https://x.example/a_(b)),", "https://x.example/a_(b)", "(),"),
        ("**https://x.example/a**", "https://x.example/a", ""),
        ("https://x.example/a_b*c*d", "https://x.example/a_b*c*d", ""),
        ("“https://x.example”", "https://x.example", "“”"),
        ("HTTPS://x.example/ş", "HTTPS://x.example/%C5%9F", ""),
        ("https://[::1]:8000/", "https://[::1]:8000/", ""),
        ("mailto:a@b.example; or", "mailto:a@b.example", "; or"),
        ("xhttps://x.example", None, "xhttps://x.example"),
        ("https\\://x.example", None, "https://x.example"),
        ("https:// x, mailto:x, ://x", None, "https:// x, mailto:x, ://x"),
        ("`https://x.example`", None, "https://x.example"),
    ],
)
def test_bare_addresses(text: str, address: str | None, left: str) -> None:
    """What says that it is one, without the sentence around it."""
    html = to_html(text)
    assert re.findall('href="([^"]*)"', html) == ([] if address is None else [address])
    rest = re.sub("<a .*</a>", "", html)
    assert re.sub("<[^>]*>", "", rest) == left


def test_threads_do_not_disturb_one_another() -> None:
    """Long posts are rendered in threads, while short ones are on the loop."""
    texts = [f"see https://x{n}.example/{'a' * n} now " * 20 for n in range(40)]
    alone = [to_html(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(to_html, texts * 3)) == alone * 3


SIZE = 64 << 10
PATHOLOGICAL = {
    "open brackets": "[" * SIZE,
    "images": "![" * (SIZE // 2),
    "stars": "**a " * (SIZE // 4),
    "mixed stars": "*a**b" * (SIZE // 5),
    "ticks": " ".join("`" * n for n in range(1, 360)),
    "link starts": "[a](" * (SIZE // 4),
    "angles": "[a](<b" * (SIZE // 6),
    "quotes": "> " * (SIZE // 2),
    "lists": "- " * (SIZE // 2),
    "references": "".join(f"[{n}]: /x\n" for n in range(SIZE // 10)),
    "open references": "[a\n" * (SIZE // 3),
    "tables": "a|" * 300 + "\n" + "-|" * 300 + "\n" + "a\n" * 32_000,
    "tildes": "~~a" * (SIZE // 3),
    "bare links": "http://a " * (SIZE // 9),
    "schemes": "http://" * (SIZE // 7),
    "nested lists": "\n".join("  " * n + "- a" for n in range(240)),
    "ampersands": "&" * SIZE,
    "no addresses": "a" * 60_000 + "://" * 1_000,
    "addresses without an end": "http://a/(" * 1_000 + "(" * 50_000,
    "brackets after an address": "http://a/" + ")" * 65_000,
    "mailto": "mailto:" + "a" * 64_000,
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
@pytest.mark.timeout(60)
def test_hostile_length_is_refused_or_soon_done(name: str) -> None:
    """64 KiB of anything: no part that is done looks at the rest again and again."""
    try:
        html = to_html(PATHOLOGICAL[name][:SIZE])
    except TooMuchMarkup as refused:
        assert "use less" in str(refused)
    else:
        assert len(html) <= MAX_HTML_LENGTH


def test_markup_is_bounded() -> None:
    """Exactly; plain text of any length is not."""
    assert to_html("a " * 32_000)
    assert to_html("a\n" * MAX_MARKS + "a " * MAX_MARKS)
    with pytest.raises(TooMuchMarkup, match=f"has {MAX_MARKS + 1} characters"):
        to_html("a\n" * (MAX_MARKS + 1))


def test_dense_documentation_is_no_abuse() -> None:
    """A text of the greatest length with as much markup as our own pages have."""
    pages = (Path(__file__).parents[3] / "docs").glob("*.md")
    text = "\n\n".join(page.read_text() for page in pages)
    while len(text) < SIZE:
        text += text
    assert to_html(text[:60_000])


def test_the_documentation_lists_what_is_allowed() -> None:
    """docs/content.md has each element with its attributes, and no other."""
    text = (Path(__file__).parents[3] / "docs" / "content.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*)\|$", text, re.MULTILINE)
    listed: dict[str, set[str]] = {}
    always: dict[str, dict[str, str]] = {}
    for element, attributes in rows:
        listed[element] = set(re.findall(r"`(\w+)`", attributes))
        always[element] = dict(re.findall(r'`(\w+)="([^"]*)"`', attributes))
    assert listed == markdown.ALLOWED
    assert {name: held for name, held in always.items() if held} == {
        **markdown.ALWAYS,
        "a": {"rel": markdown.LINK_REL},
    }


@pytest.mark.parametrize(
    "address",
    [
        *("https://bank.example@evil.example/", "https:///evil.example"),
        *("https://bank.example\\\\@evil.example", "https://a.example/\u202egpj.exe"),
        *("&#106;avascript:alert(1)", "/&Tab;/evil.example", "https://a&#64;b.example"),
    ],
)
def test_an_address_that_hides_where_it_leads(address: str) -> None:
    """It is no link, whichever way it is written."""
    ways = (f"[text]({address})", f"[text](<{address}>)", f"![text]({address})")
    for way in (*ways, f"<{address}>", address, f"[text]\n\n[text]: {address}"):
        html = to_html(way)
        for found in re.findall(r'(?:href|src)="([^"]*)"', html):
            assert "@" not in found and "%E2%80%AE" not in found, html
            assert found.startswith("https://a") and "evil" not in found, html


@pytest.mark.parametrize(
    "text",
    [
        "It is raining on the old bridge. ",
        'A "quoted" word; it\'s 50% (or so) - isn’t it?',
        "Köprü kapandı.\n\nYol açık – şimdilik…",
        "橋が閉まった",
        "a  \n\nb.c d@",
        "a\n\n\nb",
        "a\n\n    b",
        "snake_case_word",
        "1. a",
        "- a",
        "a\n- b",
        "no\u00a0break",
    ],
)
def test_plain_sentences_look_as_if_parsed(text: str) -> None:
    assert to_html(text) == markdown._parsed(text)


@given(
    st.text(
        st.sampled_from("aZéßйा猫ﬁ1２ ,.;?()%'\"…’‘“”–—-_\n\t\x0b\u00a0\u200f@:/*&<"),
        max_size=30,
    )
    | st.text(max_size=20)
)
@settings(max_examples=2000, deadline=None)
def test_the_shortcut_for_plain_text_gives_the_same_html(text: str) -> None:
    """Whatever the shorter way takes, the parser makes the same of it."""
    assert to_html(text) == markdown._parsed(text)
