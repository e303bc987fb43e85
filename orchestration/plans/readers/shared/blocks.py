"""The structure of a Markdown text: its list items, its headings, and its fenced code, each by the number of its line."""

from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Only the structure of blocks is wanted: which lines begin a list item, and which are code.
_BLOCKS = MarkdownIt("commonmark").disable(["inline", "text_join"])
_LISTS = ("bullet_list_open", "bullet_list_close", "ordered_list_open", "ordered_list_close")


@dataclass(frozen=True)
class Bullet:
    """A line that begins a list item. `depth`: 1 is the outermost list; `box`: its character, "" without one."""

    depth: int
    box: str
    text: str


@dataclass
class Blocks:
    """`headings`: level and text. What is quoted is text."""

    bullets: dict[int, Bullet] = field(default_factory=dict)
    fenced: set[int] = field(default_factory=set)
    headings: dict[int, tuple[int, str]] = field(default_factory=dict)


def parse(lines: list[str]) -> Blocks:
    blocks = Blocks()
    depth = quoted = 0
    for token in _BLOCKS.parse("\n".join(lines)):
        depth += token.nesting * (token.type in _LISTS)
        quoted += token.nesting * token.type.startswith("blockquote")
        if token.map is None or quoted:
            continue
        if token.type == "fence":
            blocks.fenced |= set(range(token.map[0] + 1, token.map[1] + 1))
        elif token.type == "heading_open" and depth == 0:
            blocks.headings[token.map[0] + 1] = (int(token.tag[1:]), lines[token.map[0]].strip().strip("#").strip())
        elif token.type == "list_item_open":
            _add_bullet(blocks, token, depth, lines)
    return blocks


def _add_bullet(blocks: Blocks, token: Token, depth: int, lines: list[str]) -> None:
    assert token.map is not None
    number = token.map[0] + 1
    outer = blocks.bullets.get(number)  # `- - text`: the inner one counts
    text = (outer.text if outer else lines[number - 1]).lstrip(" \t")[len(token.info + token.markup) :].lstrip(" \t")
    marked = text[:1] == "[" and text[1:2] in (" ", "x", "X") and text[2:3] == "]" and text[3:4] in (" ", "\t")
    blocks.bullets[number] = Bullet(depth, text[1], text[4:].lstrip(" \t")) if marked else Bullet(depth, "", text)


def indent(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip(" "))


def dedented(lines: list[str]) -> list[str]:
    least = min((indent(line) for line in lines if line.strip()), default=0)
    return [line.expandtabs(4)[least:].rstrip() for line in lines]
