"""An import as lines of text: `+` added, `~` changed, `!` left as it is, `-` no longer in the plan."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.plans import formats
from orchestration.plans.difference import NEW, FieldChange, Line
from orchestration.plans.importing import Preview
from orchestration.plans.readers.shared import bundle

MAX_TEXT = 100
WIDTH = 60


def problems(preview: Preview, text: str) -> Iterator[str]:
    for problem in preview.problems:
        yield f"{bundle.place(text, problem.line)}: {problem.message}" if problem.line else problem.message


def lines(preview: Preview, text: str) -> Iterator[str]:
    difference = preview.difference
    plan = preview.checked.plan
    name = f" {preview.name!r}" if preview.name else ""
    yield f"Read as {formats.titles()[plan.format]}{name}."
    for doubt in preview.checked.doubts:
        yield f"? {f'line {bundle.place(text, doubt.line)}: ' if doubt.line else ''}{doubt.message}"
    names = {line.entry.id: f"#{line.entry.seq}" for line in difference.lines if line.entry}
    names |= {id_: need.split(" ", 1)[0] for line in difference.lines for need, id_ in line.row.needs if id_}
    for line in difference.lines:
        yield from _entry(line, names)
    for known in difference.gone:
        yield f"- #{known.seq} {known.title[:WIDTH]}: no longer in the plan; it stays on the backlog"
    for known in difference.ticked:
        yield f"! #{known.seq} {known.title[:WIDTH]}: ticked off in the plan, {known.status.replace('_', ' ')} here"
    yield summary(preview)


def summary(preview: Preview) -> str:
    difference = preview.difference
    counts = {
        "added": len(difference.added),
        "changed": len(difference.changed),
        "unchanged": len(difference.of("unchanged")),
        "left as they are": len(difference.of("kept")) + len(difference.of("busy")) + len(difference.of("deleted")),
        "skipped": len(preview.checked.plan.skipped),
    }
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n or word in ("added", "changed")) + "."


def _entry(line: Line, names: Mapping[str, str]) -> Iterator[str]:
    row, entry = line.row, line.entry
    if entry is None:
        needs = ", ".join(name.split(": ", 1)[0] if not id_ else name.split(" ", 1)[0] for name, id_ in row.needs)
        group = f"  [{row.draft.group}]" if row.draft and row.draft.group else ""
        yield f"+ {f'{row.source_id} ' if row.source_id else ''}{row.title[:WIDTH]}{group}{f'  waits for {needs}' if needs else ''}"
        return
    if line.kind == "deleted":
        yield f"! {row.title[:WIDTH]}: deleted here; --restore adds it again"
        return
    if line.changes:
        yield f"~ #{entry.seq} {row.title[:WIDTH]}"
    for change in line.changes:
        yield f"    {_label(change)}: {_text(change.before, names)} -> {_text(change.after, names)}"
    if line.kept:
        why = f"it is {entry.busy}" if entry.busy else "its spec is frozen" if entry.frozen else "a person edited it"
        yield f"! #{entry.seq} {entry.title[:WIDTH]}: {', '.join(map(_label, line.kept))} stay: {why}"


def _label(change: FieldChange) -> str:
    return {"content": "text", "depends_on": "waits for"}.get(change.name, change.name.replace("_", " "))


def _text(value: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, list):
        value = "; ".join(names.get(str(item), str(item).removeprefix(NEW)) for item in value)
    words = " ".join(str("nothing" if value is None else value).split())
    return words if len(words) <= MAX_TEXT else f"{words[:MAX_TEXT]}…"
