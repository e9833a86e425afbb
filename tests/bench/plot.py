"""A row as a picture: one bar a subject, its median, and what the rounds spanned.

Plain SVG that reads on light and dark pages, and says the same in its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

WIDTH, LABELS, VALUES = 720, 210, 110
BAR, GAP, TOP = 18, 12, 58
_XML = 'xmlns="http://www.w3.org/2000/svg"'
_STYLE = """
 text { font: 13px system-ui, sans-serif; fill: #222 }
 .name { text-anchor: end }
 .title { font-weight: 600; font-size: 15px } .unit { fill: #666 }
 .ours { fill: #b3261e } .peer { fill: #8a8f98 } .span { stroke: #222 }
 @media (prefers-color-scheme: dark) {
  text { fill: #e6e6e6 } .unit { fill: #a8a8a8 } .span { stroke: #e6e6e6 }
  .ours { fill: #ff8a80 } }
"""


def plot(told: Mapping[str, Any]) -> str:
    """The SVG of a row's file."""
    drawn = told["drawn"]
    bars = [
        (name, figures[drawn], [run[drawn] for run in told["runs"][name]])
        for name, figures in told["medians"].items()
        if drawn in figures
    ]
    most = max((max(values) for _, _, values in bars), default=0.0) or 1.0
    scale = (WIDTH - LABELS - VALUES) / most
    height = TOP + len(bars) * (BAR + GAP)
    unit = f"{drawn.replace('_', ' ')}, median of {told['rounds']}"
    title = escape(told["title"])
    parts = [
        f'<svg {_XML} viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{title}</text>',
        f'<text class="unit" x="0" y="40">{escape(unit)}</text>',
    ]
    for index, (name, median, values) in enumerate(bars):
        y = TOP + index * (BAR + GAP)
        kind = "ours" if name.startswith("Stop Press") else "peer"
        low, high = (LABELS + value * scale for value in (min(values), max(values)))
        size = f'height="{BAR}" width="{max(1.0, median * scale):.1f}"'
        span = f'x1="{low:.1f}" x2="{high:.1f}" y1="{y + BAR / 2}" y2="{y + BAR / 2}"'
        text, end = y + BAR - 4, max(high, LABELS) + 8
        parts += [
            f'<text class="name" x="{LABELS - 10}" y="{text}">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{y}" {size}/>',
            f'<line class="span" {span}/>',
            f'<text x="{end:.1f}" y="{text}">{number(median)}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
