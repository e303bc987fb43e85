"""The parts of free text that several readers need: paths, criteria, sections."""

import re

from orchestration.plans.readers.shared import blocks

_PATH = re.compile(r"(?<![\w./:@-])((?:[\w.@-]+/)+[\w.@-]*\.[A-Za-z][A-Za-z0-9]{0,7})(?![\w/])")
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_MARKER = re.compile(r"^[ \t]*(?:[-*+]|[0-9]{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?")
MAX_PATHS = 50


def paths(text: str) -> list[str]:
    """The files that a sentence names: a folder and a name with an ending. A URL is none."""
    return [path for path in dict.fromkeys(_PATH.findall(text)) if ".." not in path.split("/") and not path.startswith(".git/")][
        :MAX_PATHS
    ]


def criteria(text: str) -> list[str]:
    """Lines as a list: bullets without their marks, else each line."""
    lines = [_MARKER.sub("", line).strip() for line in text.split("\n")]
    return [line for line in lines if line][:200]


def sections(text: str) -> dict[str, tuple[int, list[str]]]:
    """The lines below each heading of the second level, by its name in lower case, with the number of the first; "" is what stands above."""
    lines = _COMMENT.sub(lambda match: "\n" * match.group(0).count("\n"), text).split("\n")
    headings = {number: name for number, (level, name) in blocks.parse(lines).headings.items() if level <= 2}
    below: dict[str, tuple[int, list[str]]] = {"": (1, [])}
    name = ""
    for number, line in enumerate(lines, start=1):
        if number in headings:
            name = headings[number].lower()
            below.setdefault(name, (number + 1, []))
        else:
            below[name][1].append(line)
    return below


def text_of(below: dict[str, tuple[int, list[str]]], name: str) -> str:
    return "\n".join(below.get(name, (0, []))[1]).strip()
