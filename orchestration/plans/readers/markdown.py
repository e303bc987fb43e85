"""A Markdown checklist: each open box of the outermost level is an entry. What is under it becomes its content and acceptance criteria."""

import difflib
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from markdown_it import MarkdownIt

from orchestration.plans.items import Item, Plan, Problem

# Only the structure of blocks is wanted: which lines begin a list item, and which are code.
_BLOCKS = MarkdownIt("commonmark").disable(["inline", "text_join"])
_KEYS = {
    "files": "files_to_modify",
    "file": "files_to_modify",
    "creates": "files_to_create",
    "after": "depends_on",
    "needs": "depends_on",
    "depends on": "depends_on",
    "depends_on": "depends_on",
    "waits for": "depends_on",
    "requires": "depends_on",
    "modifies": "files_to_modify",
    "budget": "budget_usd",
    "rounds": "budget_rounds",
    "priority": "priority",
    "group": "parallel_group",
    "alone": "parallelizable",
    "ref": "ref",
}
_PAIR = re.compile(rf"^({'|'.join(_KEYS)})[ \t]*:[ \t]*(\S.*)$", re.I)
_LIKE_A_PAIR = re.compile(r"^([a-z_-]{3,12}(?: [a-z]{2,4})?)[ \t]*:[ \t]*\S", re.I)
_LATE = re.compile(rf"\(({'|'.join(_KEYS)})[ \t]*:[^()]{{1,200}}\)", re.I)
MOST_LOOKS = 2000  # lines of a plan whose first word is compared with those that Muster knows


@dataclass(frozen=True)
class _Bullet:
    """A line that begins a list item. `depth`: 1 is the outermost list; `box`: its character, "" without one."""

    depth: int
    box: str
    text: str


def _structure(lines: list[str]) -> tuple[dict[int, _Bullet], set[int]]:
    """The list items by the number of their first line, and the lines of fenced code. What is quoted is text."""
    bullets: dict[int, _Bullet] = {}
    fenced: set[int] = set()
    depth = quoted = 0
    for token in _BLOCKS.parse("\n".join(lines)):
        depth += token.nesting * (
            token.type in ("bullet_list_open", "bullet_list_close", "ordered_list_open", "ordered_list_close")
        )
        quoted += token.nesting * token.type.startswith("blockquote")
        if token.map is None or quoted:
            continue
        if token.type == "fence":
            fenced |= set(range(token.map[0] + 1, token.map[1] + 1))
        elif token.type == "list_item_open":
            number = token.map[0] + 1
            outer = bullets.get(number)  # `- - text`: the inner one counts
            text = (outer.text if outer else lines[number - 1]).lstrip(" \t")[len(token.info + token.markup) :].lstrip(" \t")
            marked = text[:1] == "[" and text[1:2] in (" ", "x", "X") and text[2:3] == "]" and text[3:4] in (" ", "\t")
            bullets[number] = _Bullet(depth, text[1], text[4:].lstrip(" \t")) if marked else _Bullet(depth, "", text)
    return bullets, fenced


@dataclass
class _Open:
    """An entry while its lines are read."""

    line: int
    indent: int
    title: str
    done: bool
    value: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    criteria: list[str] = field(default_factory=list)
    bullet: int = -1  # the indent of the criterion that goes on, else -1


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.bullets, self.fenced = _structure(lines)
        self.base: int | None = None
        self.open: _Open | None = None
        self.items: list[Item] = []
        self.problems: list[Problem] = []
        self.skipped: list[Problem] = []
        self.doubts: list[Problem] = []
        self.looked = 0
        self.done_refs: set[str] = set()

    def read(self, number: int, line: str) -> None:
        indent = _indent(line)
        bullet = self.bullets.get(number)
        if number in self.fenced:
            self._text(line)
        elif bullet and bullet.box and (self.base is None or bullet.depth <= self.base):
            self.close()
            self.base = bullet.depth
            self._begin(number, indent, bullet.text, done=bullet.box != " ")
        elif self.open is None:
            self._trailing(number, line.strip())
        elif not line.strip():
            self.open.bullet = -1
            self._text("")
        elif indent <= self.open.indent:
            self.close()  # a heading, or prose between the lists
            self._trailing(number, line.strip())
        elif bullet:
            self._under(number, indent, bullet.text, done=bullet.box in ("x", "X"))
        elif self.open.bullet >= 0 and indent > self.open.bullet:
            self.open.criteria[-1] += f" {line.strip()}"
        elif not self._pair(number, line.strip()):
            self._doubt(number, line.strip())
            self._text(line)

    def close(self) -> None:
        item, self.open = self.open, None
        if item is None:
            return
        if item.done:
            self.skipped.append(Problem(item.line, f"{item.title[:80]} is ticked off"))
            self.done_refs |= {str(item.value["ref"])} if item.value.get("ref") else set()
            return
        value = dict(item.value)
        spec: dict[str, Any] = {name: value.pop(name) for name in ("files_to_create", "files_to_modify") if name in value}
        if item.criteria:
            spec["acceptance_criteria"] = item.criteria
        text = "\n".join(_dedented(item.text)).strip("\n")
        value["content"] = f"{item.title}\n\n{text}" if text else item.title
        if spec:
            value["spec"] = spec
        self.items.append(Item(item.line, value, {"content": item.line, **item.lines}))

    def _begin(self, number: int, indent: int, title: str, *, done: bool) -> None:
        self.open = _Open(number, indent, "", done)
        title = title.rstrip()
        end = len(title)
        while (start := _bracket(title, end)) >= 0:
            pairs = [part.strip() for part in title[start + 1 : end - 1].split(";")]
            if not all(map(_PAIR.match, pairs)):
                break
            for pair in pairs:
                self._pair(number, pair)
            end = start
            while end and title[end - 1] in " \t":
                end -= 1
        self.open.title = title[:end].strip()
        if (late := _LATE.search(self.open.title)) and not done:
            self.doubts.append(
                Problem(number, f"{late.group(0)[:80]} was read as words of the title: it counts at the end of the line")
            )

    def _under(self, number: int, indent: int, text: str, *, done: bool) -> None:
        assert self.open is not None
        if done and not self.open.done:
            self.skipped.append(Problem(number, f"{text[:80]} is ticked off"))
        elif not done and not self._pair(number, text.strip()):
            self._doubt(number, text.strip())
            self.open.criteria.append(text.strip())
            self.open.bullet = indent
            return
        self.open.bullet = -1

    def _pair(self, number: int, text: str) -> bool:
        match = _PAIR.match(text)
        if match is None or self.open is None:
            return False
        name = _KEYS[match.group(1).lower()]
        try:
            value = _value(name, match.group(2).strip())
        except ValueError as error:
            if not self.open.done:
                self.problems.append(Problem(number, str(error)))
            return True
        if isinstance(value, list):
            self.open.value.setdefault(name, []).extend(value)
        else:
            self.open.value[name] = value
        self.open.lines["spec" if name.startswith("files_") else name] = number
        return True

    def _text(self, line: str) -> None:
        if self.open is not None:
            self.open.text.append(line)

    def _trailing(self, number: int, text: str) -> None:
        if self.base is not None and _PAIR.match(text):
            self.doubts.append(
                Problem(number, f"{text[:80]!r} belongs to no entry and was left out: indent it below the entry that it is of")
            )

    def _doubt(self, number: int, text: str) -> None:
        """Say so where a word is nearly one that Muster knows: a misspelt `after:` would let two entries run at once."""
        match = _LIKE_A_PAIR.match(text)
        if match is None or self.open is None or self.open.done or self.looked > MOST_LOOKS:
            return
        self.looked += 1
        if near := difflib.get_close_matches(match.group(1).lower(), _KEYS, n=1, cutoff=0.75):
            self.doubts.append(Problem(number, f"{text[:80]!r} was read as text; if a setting was meant, its word is {near[0]}:"))


def plan(text: str) -> Plan:
    lines = text.split("\n")
    reader = _Reader(lines)
    for number, line in enumerate(lines, start=1):
        reader.read(number, line)
    reader.close()
    return Plan(
        "markdown",
        tuple(reader.items),
        tuple(reader.problems),
        tuple(sorted(reader.skipped)),
        frozenset(reader.done_refs),
        tuple(sorted(reader.doubts)),
    )


def _value(name: str, text: str) -> Any:
    if name in ("files_to_modify", "files_to_create", "depends_on"):
        return [part.strip().strip("`") for part in text.split(",") if part.strip().strip("`")]
    if name == "budget_usd":
        try:
            amount = Decimal(text.strip("`").removeprefix("$").replace("USD", "").strip())
        except InvalidOperation:
            raise ValueError(f"{text[:40]!r} is not an amount in USD, such as $2.50") from None
        return amount
    if name == "budget_rounds":
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValueError(f"{text[:40]!r} is not a number of rounds")
        return int(text)
    if name == "parallelizable":
        if text.lower() not in ("yes", "no", "true", "false"):
            raise ValueError("alone: is yes or no")
        return text.lower() in ("no", "false")
    return text.lower() if name == "priority" else text.strip("`")


def _bracket(title: str, end: int) -> int:
    """Where the bracket begins that ends at `end`; -1: there is none. Without a regular expression: it would begin anew at every space of a long line."""
    start = title.rfind("(", 0, end) if title[end - 1 : end] == ")" else -1
    return start if start >= 0 and ")" not in title[start : end - 1] else -1


def _indent(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip(" "))


def _dedented(lines: list[str]) -> list[str]:
    least = min((_indent(line) for line in lines if line.strip()), default=0)
    return [line.expandtabs(4)[least:].rstrip() for line in lines]
