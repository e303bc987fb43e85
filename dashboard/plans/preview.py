"""The preview of a plan as a page shows it: what is added, what changes in which entry, what stays and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.new_entry import adding
from dashboard.shared.page_request import PageRequest
from orchestration.landing import reads
from orchestration.plans import formats
from orchestration.plans.difference import NEW, FieldChange, Line
from orchestration.plans.importing import Preview

MAX_SHOWN = 100
MAX_TEXT = 300
MAX_LIKELY = 100
KINDS = {"added": "Added", "changed": "Changed", "kept": "Edited here", "busy": "Left alone", "deleted": "Deleted here"}
LABELS = {"content": "Text", "depends_on": "Waits for", "acceptance_criteria": "Criteria", "parallelizable": "Runs in parallel"}


@dataclass(frozen=True)
class Value:
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Row:
    """`changes` are taken over, `kept` are not. `why`: what keeps them. `likely`: cases that fail on the base and look like its targets.
    `is_without_test`: it names none, and no failing case looks like it."""

    line: Line
    word: str
    changes: list[Value]
    kept: list[Value]
    why: str
    likely: list[str]
    is_without_test: bool


def context(page_request: PageRequest, preview: Preview) -> dict[str, Any]:
    difference, checked = preview.difference, preview.checked
    likely = likely_targets(page_request, preview)
    names = {line.entry.id: f"#{line.entry.seq}" for line in difference.lines if line.entry}
    for line in difference.lines:
        names |= {id_: name.split(" ", 1)[0] for name, id_ in line.row.needs if id_}
    names |= {known.id: f"#{known.seq}" for known in difference.ticked}
    wrong = {id(line) for line in difference.lines if line.row.problems}
    listed = [line for line in difference.lines if line.kind != "unchanged" or id(line) in wrong]
    first = sorted(listed, key=lambda line: id(line) not in wrong)[:MAX_SHOWN]
    shown = [_row(line, names, likely.get(line.row.item.line)) for line in sorted(first, key=lambda line: line.row.item.line)]
    drafts = [line.row.draft for line in difference.of("added") if line.row.draft]
    return {
        "preview": preview,
        "checked": checked,
        "difference": difference,
        "summary": summary(preview),
        "read_as": formats.titles().get(checked.plan.format, ""),
        "shown": shown,
        "not_shown": len(listed) - len(shown),
        "unchanged": difference.of("unchanged"),
        "deleted": len(difference.of("deleted")),
        "problems": checked.problems[:MAX_SHOWN],
        "more_problems": max(len(checked.problems) - MAX_SHOWN, 0),
        "money": adding.budgets(page_request, drafts),
    }


def likely_targets(page_request: PageRequest, preview: Preview) -> dict[int, list[str]]:
    """For each new entry without tests, by its line: the cases that fail on the base and whose names or messages are about it.
    Without a failing case on the base it has no lines."""
    added = preview.difference.of("added")
    drafts = {line.row.item.line: (line.row.draft.content, line.row.draft.spec) for line in added if line.row.draft}
    likely = reads.likely_targets(page_request.workspace, drafts)
    return {line: names[:MAX_LIKELY] for line, names in likely.items()}


def summary(preview: Preview) -> str:
    """`2 entries would be added, 1 changed`."""
    added, changed = len(preview.difference.of("added")), len(preview.difference.of("changed"))
    parts = [f"{entries(added)} would be added"] if added or not changed else []
    if changed:
        parts.append(f"{changed} changed" if parts else f"{entries(changed)} would be changed")
    return ", ".join(parts)


def entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _row(line: Line, names: Mapping[str, str], likely: list[str] | None) -> Row:
    why = ""
    if line.entry and line.kept:
        why = (
            f"It is {line.entry.busy}" if line.entry.busy else "Its spec is frozen" if line.entry.frozen else "A person edited it"
        )
    changes, kept = ([_value(change, names) for change in some] for some in (line.changes, line.kept))
    return Row(line, KINDS.get(line.kind, ""), changes, kept, why, likely or [], likely == [])


def _value(change: FieldChange, names: Mapping[str, str]) -> Value:
    label = LABELS.get(change.name, change.name.replace("_", " ").capitalize())
    return Value(label, _text(change.before, names), _text(change.after, names))


def _text(value: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(names.get(str(item), str(item).removeprefix(NEW)) for item in value)[:MAX_TEXT]
    return "nothing" if value is None else str(value)[:MAX_TEXT]
