"""A Markdown checklist: each box of the outermost level is a task. What is under it becomes its text and its acceptance criteria."""

import re
from dataclasses import dataclass, field
from typing import Any

from orchestration.plans.readers.shared import blocks, settings
from orchestration.plans.readers.shared.items import Item, Problem

BOX = re.compile(r"^[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\[[ xX]\][ \t]", re.M)
MAX_NAME = 200
MOST_LOOKS = 2000  # lines of a plan whose first word is compared with those that Muster knows


@dataclass
class Task:
    """One box, ticked or not. `value`: its settings in the API's shape; `bullet`: the indent of the criterion that goes on, else -1."""

    line: int
    indent: int
    title: str
    done: bool
    headings: tuple[str, ...] = ()
    value: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    criteria: list[str] = field(default_factory=list)
    bullet: int = -1

    @property
    def content(self) -> str:
        text = "\n".join(blocks.dedented(self.text)).strip("\n")
        return f"{self.title}\n\n{text}" if text else self.title

    @property
    def spec(self) -> dict[str, Any]:
        named = {name: self.value[name] for name in settings.SPEC if name in self.value}
        return named | ({"acceptance_criteria": self.criteria} if self.criteria else {})

    def item(self, *, source_id: str = "") -> Item:
        value = {name: value for name, value in self.value.items() if name not in settings.SPEC}
        value["content"] = self.content
        if self.spec:
            value["spec"] = self.spec
        if self.headings:
            value["group"] = " / ".join(self.headings)[:200]
        return Item(self.line, value, {"content": self.line, **self.lines}, source_id, self.headings)


@dataclass
class Checklist:
    """`name`: the only heading of the first level, if it stands above every task. `notes`: the prose under each path of headings."""

    tasks: list[Task] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)
    name: str = ""
    notes: dict[tuple[str, ...], list[str]] = field(default_factory=dict)


def read(text: str) -> Checklist:
    lines = text.split("\n")
    reader = _Reader(lines)
    for number, line in enumerate(lines, start=1):
        reader.read(number, line)
    reader.close()
    return reader.list


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.blocks = blocks.parse(lines)
        self.base: int | None = None
        self.open: Task | None = None
        self.list = Checklist(name=_name(self.blocks))
        self.looked = 0
        self.headings: list[tuple[int, str]] = []

    def read(self, number: int, line: str) -> None:
        indent = blocks.indent(line)
        bullet = self.blocks.bullets.get(number)
        if number in self.blocks.headings:
            self._heading(*self.blocks.headings[number])
        elif number in self.blocks.fenced:
            if self.open and number - 1 not in self.blocks.fenced and indent <= self.open.indent:
                self.close()  # its first line decides whose it is
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
            self.close()  # prose between the lists
            self._trailing(number, line.strip())
        else:
            self._below(number, indent, line)

    def close(self) -> None:
        task, self.open = self.open, None
        if task is not None:
            self.list.tasks.append(task)
            if task.done:
                self.list.skipped.append(Problem(task.line, f"{task.title[:80]} is ticked off"))

    def _heading(self, level: int, text: str) -> None:
        self.close()
        self.base = None
        self.headings = [heading for heading in self.headings if heading[0] < level]
        if not (level == 1 and text[:MAX_NAME] == self.list.name):
            self.headings.append((level, text))

    @property
    def _path(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.headings if text)

    def _begin(self, number: int, indent: int, title: str, *, done: bool) -> None:
        self.open = Task(number, indent, "", done, self._path)
        title = title.rstrip()
        end = len(title)
        while (start := settings.bracket(title, end)) >= 0:
            pairs = [part.strip() for part in title[start + 1 : end - 1].split(";")]
            if not all(map(settings.is_pair, pairs)):
                break
            for pair in pairs:
                self._pair(number, pair)
            end = start
            while end and title[end - 1] in " \t":
                end -= 1
        self.open.title = title[:end].strip()
        if (late := settings.LATE.search(self.open.title)) and not done:
            message = f"{late.group(0)[:80]} was read as words of the title: it counts at the end of the line"
            self.list.doubts.append(Problem(number, message))

    def _below(self, number: int, indent: int, line: str) -> None:
        """A line of the open task."""
        assert self.open is not None
        bullet = self.blocks.bullets.get(number)
        if bullet:
            self._under(number, indent, bullet.text, done=bullet.box in ("x", "X"))
        elif self.open.bullet >= 0 and indent > self.open.bullet:
            self.open.criteria[-1] += f" {line.strip()}"
        elif not self._pair(number, line.strip()):
            self._doubt(number, line.strip())
            self._text(line)

    def _under(self, number: int, indent: int, text: str, *, done: bool) -> None:
        assert self.open is not None
        if done and not self.open.done:
            self.list.skipped.append(Problem(number, f"{text[:80]} is ticked off"))
        elif not done and not self._pair(number, text.strip()):
            self._doubt(number, text.strip())
            self.open.criteria.append(text.strip())
            self.open.bullet = indent
            return
        self.open.bullet = -1

    def _pair(self, number: int, text: str) -> bool:
        if self.open is None:
            return False
        try:
            pair = settings.read(text)
        except ValueError as error:
            if not self.open.done:
                self.list.problems.append(Problem(number, str(error)))
            return True
        if pair is None:
            return False
        name, value = pair
        if isinstance(value, list):
            self.open.value.setdefault(name, []).extend(value)
        else:
            self.open.value[name] = value
        self.open.lines["spec" if name in settings.SPEC else name] = number
        return True

    def _text(self, line: str) -> None:
        if self.open is not None:
            self.open.text.append(line)

    def _trailing(self, number: int, text: str) -> None:
        if text:
            self.list.notes.setdefault(self._path, []).append(text)
        bullet = self.blocks.bullets.get(number)
        if bullet and bullet.box == " ":
            message = (
                f"{bullet.text[:80]!r} is a box below a point that has none, and was left out: put it beside the other boxes"
            )
            self.list.doubts.append(Problem(number, message))
        if self.list.tasks and settings.is_pair(text):
            message = f"{text[:80]!r} belongs to no entry and was left out: indent it below the entry that it is of"
            self.list.doubts.append(Problem(number, message))

    def _doubt(self, number: int, text: str) -> None:
        if self.open is None or self.open.done or self.looked > MOST_LOOKS or not settings.has_word(text):
            return
        self.looked += 1
        if word := settings.near(text):
            message = f"{text[:80]!r} was read as text; if a setting was meant, its word is {word}:"
            self.list.doubts.append(Problem(number, message))


def _name(parsed: blocks.Blocks) -> str:
    first = [(line, text) for line, (level, text) in parsed.headings.items() if level == 1]
    boxes = [line for line, bullet in parsed.bullets.items() if bullet.box]
    return first[0][1][:MAX_NAME] if len(first) == 1 and (not boxes or first[0][0] < min(boxes)) else ""
