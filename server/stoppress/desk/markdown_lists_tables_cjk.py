"""Markdown rules for news texts, beyond CommonMark.

- A number of four or more digits begins no list: "1986. A great year" is a sentence.
  One item is no list either, and keeps its number: "24. Dezember". A list shows its own
  numbers: it would replace or cut off a year or a date.
- The alignment of a table's column is a class, `sp-left`, `sp-center` or `sp-right`:
  the pages' policy allows no style.
- Beside a Chinese, Japanese or Korean letter, `**` marks emphasis next to any other
  character: those scripts have no spaces around quotes and brackets.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

ALIGNMENTS = frozenset({"sp-left", "sp-center", "sp-right"})
"""The classes of aligned table cells."""

_LONG_NUMBER = re.compile(r"\d{4,}[.)]")
_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


def add_rules(markdown: MarkdownIt) -> None:
    """Add the rules of this module to a parser."""
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote"]}
    markdown.block.ruler.at("list", _list_block, ends)
    markdown.core.ruler.push("lone_items", _unlist_lone_items)
    markdown.core.ruler.push("alignment", _alignment_classes)


def _list_block(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    if _LONG_NUMBER.match(state.src, state.bMarks[line] + state.tShift[line]):
        return False
    return list_block(state, line, end, silent)


def _unlist_lone_items(state: StateCore) -> None:
    """Turn each ordered list of one item into the item's content, number first."""
    lists: list[tuple[int, list[int]]] = []
    dropped: set[int] = set()
    for index, token in enumerate(state.tokens):
        if token.type == "ordered_list_open":
            lists.append((index, []))
        elif token.type == "list_item_open" and lists and token.info:
            lists[-1][1].append(index)
        elif token.type == "ordered_list_close":
            opened, items = lists.pop()
            if len(items) == 1 and _number(state.tokens, items[0]):
                dropped |= {opened, items[0], index - 1, index}
    if not dropped:
        return
    kept = [one for at, one in enumerate(state.tokens) if at not in dropped]
    _show_paragraphs(kept)
    state.tokens = kept


def _number(tokens: list[Token], item: int) -> bool:
    """Put the item's number before its text; False if it begins without text."""
    first = tokens[item + 1]
    text = tokens[item + 2] if item + 2 < len(tokens) else first
    if first.type != "paragraph_open" or text.type != "inline":
        return False
    number = Token("text", "", 0, content=f"{tokens[item].info}{tokens[item].markup} ")
    text.children = [number, *(text.children or [])]
    return True


def _show_paragraphs(tokens: list[Token]) -> None:
    """Show the paragraphs that a tight list hid, if it is no list any more."""
    depth = 0
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif not depth and token.type in ("paragraph_open", "paragraph_close"):
            token.hidden = False


def _alignment_classes(state: StateCore) -> None:
    for token in state.tokens:
        style = token.attrs.pop("style", None) if token.attrs else None
        if style is not None:
            token.attrs["class"] = f"sp-{str(style).rpartition(':')[2]}"


class _CjkState(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        found = super().scanDelims(start, canSplitWord)
        if not canSplitWord:
            return found
        end = start + found.length
        before = self.src[start - 1] if start else " "
        after = self.src[end] if end < self.posMax else " "
        return Scanned(
            found.can_open or (bool(_CJK.match(before)) and not after.isspace()),
            found.can_close or (bool(_CJK.match(after)) and not before.isspace()),
            found.length,
        )


class CjkInline(ParserInline):
    """The inline parser, with the rule for Chinese, Japanese and Korean."""

    def parse(
        self,
        src: str,
        md: MarkdownIt,
        env: MutableMapping[str, Any],
        tokens: list[Token],
    ) -> list[Token]:
        """The tokens of a text."""
        state = _CjkState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens
