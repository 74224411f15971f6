"""The blocks of a markdown text: headings, paragraphs, list items, each with the line it starts on (markdown-it).

Inline markup is not parsed: a promise keeps its source text, and so its derived ID.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

# A list inside a list takes two levels; beyond fifty lists, lines are counted as unread.
PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).disable(["inline", "reference"])

NEWLINE = re.compile(r"\r\n?|\n")  # as CommonMark counts lines: str.splitlines counts more


@dataclass(slots=True, kw_only=True)
class Block:
    """A heading (`level` > 0), a paragraph, or all that one list item says itself, with the 0-based line it starts on."""

    text: str
    line: int
    level: int = 0
    in_list: bool = False

    def extend(self, text: str, line: int) -> None:
        """Take in a list item's further paragraph, with the lines between as empty ones, so that line numbers stay right."""
        self.text += "\n" * (line - self.line - self.text.count("\n")) + text


def front_matter(lines: Sequence[str]) -> int:
    """Return how many lines YAML front matter takes; 0 where there is none."""
    if lines[0].rstrip() != "---" or len(lines) < 3 or not re.match(r"[\w\"'-]+\s*:(?:\s|$)", lines[1]):  # noqa: PLR2004 - fence, key, fence
        return 0
    return next((number + 1 for number, line in enumerate(lines) if number and line.rstrip() in {"---", "..."}), 0)


def blocks_of(tokens: Sequence[Token]) -> list[Block]:
    """Return the blocks in document order; a list item's paragraphs are one."""
    blocks: list[Block] = []
    items: list[Block | None] = []  # the open list items, each with its block once it has one
    for before, token in pairwise(tokens):
        if before.type == "list_item_open":
            items.append(None)
        elif before.type == "list_item_close":
            items.pop()
        if token.type != "inline" or not token.map:
            continue
        if items and items[-1]:
            items[-1].extend(token.content, token.map[0])
            continue
        top = before.type == "heading_open" and before.level == 0
        block = Block(text=token.content, line=token.map[0], level=int(before.tag[1:]) if top else 0, in_list=bool(items))
        blocks.append(block)
        items[-1:] = [block] if items else []
    return blocks


def unreadable(tokens: Sequence[Token]) -> set[int]:
    """Return the lines that no reader takes for a promise: fenced code, and comments."""
    return {
        line
        for token in tokens
        if token.map and (token.type == "fence" or (token.type == "html_block" and token.content.lstrip().startswith("<!--")))
        for line in range(*token.map)
    }


def joined(text: str) -> str:
    """Return a text on one line, single blanks between its words."""
    return " ".join(text.split())
