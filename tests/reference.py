"""The tables of docs/reference/ that the code determines: `python -m tests.reference` writes them, and a test compares.

A cell that the code does not know is written by hand: it stays with its key, and is `?` in a new row.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import django
from pydantic.fields import FieldInfo

FOLDER = Path(__file__).resolve().parents[1] / "docs/reference"
Row = tuple[str | None, ...]
TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Table:
    """`head`: its first line. `rows`: key first, without marks; None for a cell by hand."""

    page: str
    head: str
    rows: Callable[[], Iterator[Row]]

    def written(self, text: str) -> str:
        """The page with this table as the code has it."""
        match = re.search(rf"^{re.escape(self.head)}\n\|[-|]+\|\n((?:\|.*\n)*)", text, re.M)
        assert match, f"{self.page} has no table {self.head}"
        cells = (line.strip("| ").split(" | ") for line in match[1].splitlines())
        kept = {row[0].strip("`"): row for row in cells}
        lines = (self._line(row, kept.get(row[0] or "", ())) for row in self.rows())
        return text[: match.start(1)] + "".join(lines) + text[match.end(1) :]

    @staticmethod
    def _line(row: Row, kept: list[str] | tuple[()]) -> str:
        shown = [kept[n] if cell is None and n < len(kept) else cell or "?" for n, cell in enumerate(row)]
        return f"| `{shown[0]}` | {' | '.join(shown[1:])} |\n"


def _settings() -> Iterator[Row]:
    from config.system import env

    for v in env.VARIABLES.values():
        yield v.name, v.kind.takes, f"`{v.default}`" if v.default else "(empty)", v.help


def _metrics() -> Iterator[Row]:
    from orchestration.metrics.families import FAMILIES

    for family in FAMILIES.values():
        yield family.exposed, ", ".join(f"`{label}`" for label in family.labels) or "-", family.help


def _failures() -> Iterator[Row]:
    from orchestration.facts import failures

    for code, kind in failures.KINDS.items():
        yield code, kind.title, kind.cause, kind.next_step


def _agents() -> Iterator[Row]:
    from orchestration.configuration.config import agent_kinds
    from orchestration.worker import agents

    for kind, module in agents.KINDS.items():
        traits = module.TRAITS
        can = ("yes" if ability else "no" for ability in (traits.live, traits.resumes))
        yield kind, agent_kinds.title(kind), traits.cost, *can, ", ".join(sorted(traits.honours)) or "-", None


def _notices() -> Iterator[Row]:
    from workspaces.activity import events

    for verb, event in events.registered().items():
        if event.notice:
            yield verb, event.notice, None


def _reasons() -> Iterator[Row]:
    from orchestration.facts import reasons

    for reason in reasons.WORDS:
        yield reason.value, None, None


def _endings() -> Iterator[Row]:
    from orchestration.worker.endings import TABLE

    verify = {"never": "-", "if_done": "where the agent was done", "always": "yes"}
    for (what, fault), row in TABLE.items():
        then = verify[row.verify] + (", after a person" if row.needs_person else "")
        finding = "-" if row.finding is None else "yes" if row.finding == row.sentence else row.finding
        sentence = f"{row.sentence} (a run: {row.of_run})" if row.of_run else row.sentence
        yield f"{what}, {fault}", f"`{row.outcome}`", then, finding, sentence


def _config() -> Iterator[Row]:
    from orchestration.configuration import Config

    return _keys(Config)


def _keys(part: Any, prefix: str = "") -> Iterator[Row]:
    """Each key as its model describes it. Named agents, and those of roles, have the keys of `agent`. A route has a page of its own."""
    from orchestration.configuration import Agent, Step

    for name, field in part.model_fields.items():
        inner = None if get_origin(field.annotation) is dict else _part_of(field.annotation)
        several = get_origin(field.annotation) is list
        is_whole = inner is None or inner is Step or (inner is Agent and bool(prefix))
        if is_whole or several or field.default is None:
            yield (
                f"{prefix}{name}",
                _takes(name, field, inner if is_whole else None, several),
                _default(field),
                _relative(field.description or ""),
            )
        if not is_whole:
            yield from _keys(inner, f"{prefix}{name}{'[]' if several else ''}.")


def _relative(markdown: str) -> str:
    """Links from docs/reference."""
    return markdown.replace("](docs/reference/", "](").replace("](docs/", "](../")


def _takes(name: str, field: FieldInfo, inner: Any, several: bool) -> str:
    from orchestration.configuration import Agent, Step
    from orchestration.configuration.config.fields import unit

    special = {Agent: "an agent or its name", Step: "a route"}.get(inner)
    kinds = {kind for part in _plain(field.annotation) for kind in TYPES if part is kind}
    words = special or unit(name) or _names(field) or " or ".join(word for kind, word in TYPES.items() if kind in kinds)
    words = words or ("a list" if several else "an object")
    bounds = {key: value for mark in field.metadata for key in ("ge", "le") if (value := getattr(mark, key, None)) is not None}
    return f"{words}, {bounds['ge']} to {bounds['le']}" if len(bounds) == 2 else words


def _names(field: FieldInfo) -> str:
    """The values of a key that takes one of a few; empty: it takes others too."""
    from workspaces.schemas import OneOf

    members = [each for each in get_args(field.annotation) if each is not type(None)]
    literal = field.annotation if get_origin(field.annotation) is Literal else members[0] if members else None
    names = next((mark.names for mark in field.metadata if isinstance(mark, OneOf)), None)
    return ", ".join(f"`{name}`" for name in names or (get_args(literal) if get_origin(literal) is Literal else ()))


def _part_of(annotation: Any) -> Any:
    from orchestration.configuration.config.fields import Part

    if isinstance(annotation, type):
        return annotation if issubclass(annotation, Part) else None
    return next((inner for inner in map(_part_of, get_args(annotation)) if inner), None)


def _plain(annotation: Any) -> Iterator[Any]:
    """The types in it: of a list only that it is one, of a literal that of its values."""
    origin = get_origin(annotation)
    if origin in (list, dict):
        yield origin
    elif origin is None:
        yield annotation if isinstance(annotation, type) else type(annotation)
    else:
        for inner in get_args(annotation):
            yield from _plain(inner)


def _default(field: FieldInfo) -> str:
    from orchestration.configuration import JUDGES

    if field.is_required():
        return "(required)"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "(unset)"
    if value == list(JUDGES):
        return "(below)"
    return f"`{json.dumps(value, default=lambda amount: float(amount) if isinstance(amount, Decimal) else str(amount))}`"


TABLES = (
    Table("settings.md", "| variable | takes | default | what for |", _settings),
    Table("config.md", "| key | takes | default | what for |", _config),
    Table("metrics.md", "| metric | labels | |", _metrics),
    Table("agents.md", "| kind | agent | cost | live | resumes | keeps | how the cost is known |", _agents),
    Table("agents.md", "| name | what | cause | next step |", _failures),
    Table("notices.md", "| type | what happened | `details` |", _notices),
    Table("endings.md", "| what, by whom | outcome | the next session only verifies | finding | sentence |", _endings),
    Table("reasons.md", "| code | the entry waits for | what to do |", _reasons),
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    for table in TABLES:
        page = FOLDER / table.page
        page.write_text(table.written(page.read_text()))


if __name__ == "__main__":
    main()
