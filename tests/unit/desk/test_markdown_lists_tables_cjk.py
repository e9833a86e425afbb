"""Markdown as news is written."""

from __future__ import annotations

import pytest

from stoppress.desk.markdown import to_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("1986. A great year", "<p>1986. A great year</p>"),
        ("1986. A\n1990. B", "<p>1986. A\n1990. B</p>"),
        ("24. Dezember: *Wahl*", "<p>24. Dezember: <em>Wahl</em></p>"),
        ("1) x\n\nmore", "<p>1) x</p>\n<p>more</p>"),
        ("> 5. x", "<blockquote>\n<p>5. x</p>\n</blockquote>"),
        ("- 1. x\n- y", "<ul>\n<li>1. x</li>\n<li>y</li>\n</ul>"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("- only", "<ul>\n<li>only</li>\n</ul>"),
    ],
)
def test_a_number_that_is_no_list_stays(text: str, html: str) -> None:
    """A year, and the number of a single item."""
    assert to_html(text) == html


def test_columns_are_aligned() -> None:
    """By a class: the pages allow no style."""
    html = to_html("|a|b|c|d|\n|:-|:-:|-:|-|\n|1|2|3|4|")
    for cell in (
        *('<th class="sp-left">a', '<th class="sp-center">b'),
        *('<td class="sp-right">3', "<td>4"),
    ):
        assert cell in html
    assert "style" not in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "これは**「重要」**です",
            "<p>これは<strong>「重要」</strong>です</p>",
        ),
        ("**（注）**です。", "<p><strong>（注）</strong>です。</p>"),
        ("한국어**(강조)**를", "<p>한국어<strong>(강조)</strong>를</p>"),
        ("a**(b)**c", "<p>a**(b)**c</p>"),
        ("価格は 3 * 4 * 5", "<p>価格は 3 * 4 * 5</p>"),
    ],
)
def test_emphasis_without_spaces(text: str, html: str) -> None:
    """Beside a Chinese, Japanese or Korean letter only."""
    assert to_html(text) == html
