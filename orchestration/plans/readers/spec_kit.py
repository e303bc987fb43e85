"""`tasks.md` of GitHub's spec-kit: `- [ ] T012 [P] [US1] Create the model in src/models/user.py`, in phases.

Phases are order: a phase begins when the one before it has ended. Within a phase, tasks go one after the other; neighbours that are marked
[P] go together. `(depends on T012, T013)` is taken as well.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestration.plans.readers.shared import checklist, texts
from orchestration.plans.readers.shared.checklist import Checklist, Task
from orchestration.plans.readers.shared.items import Item, Plan, Problem, path, title_of
from orchestration.plans.readers.shared.reader import Reader

TASK = re.compile(r"^[ \t]*[-*][ \t]+\[[ xX]\][ \t]+\**(T[0-9]{3,}(?:\.[0-9]+)?[a-z]?|TXXX)\b", re.M)
_TITLE = re.compile(r"\**(T[0-9]{3,}(?:\.[0-9]+)?[a-z]?|TXXX)\**:?[ \t]+((?:\[[A-Za-z0-9]+\][ \t]*)*)(.*)")
_NAMED = re.compile(
    r"\b(?:depends on|blocked by|after|requires)[ \t]+((?:T[0-9]{3,}(?:\.[0-9]+)?[a-z]?(?:[ \t]*(?:,|and|&|-|–|to|through)[ \t]*)?)+)",
    re.I,
)
_BRACKET = re.compile(r"[ \t]*\((?:depends on|blocked by|after|requires)[ \t]+T[0-9]{3}[^()]*\)", re.I)
_ID = re.compile(r"T[0-9]{3,}(?:\.[0-9]+)?[a-z]?")
_RANGE = re.compile(r"T([0-9]{3,})[ \t]*(?:-|–|to|through)[ \t]*T([0-9]{3,})")
_TITLED = r"\A(?:---\n.*?\n---\s*)?\s*#[ \t]+"
_NOTE = re.compile(r"\*\*(Goal|Purpose|Independent Test)\*\*:?[ \t]*(.+)")


@dataclass(frozen=True)
class _Numbered:
    task: Task
    id: str
    parallel: bool
    title: str


def plan(text: str) -> Plan:
    boxes = checklist.read(text)
    numbered = [_numbered(task) for task in boxes.tasks]
    open_ones = [task for task in numbered if not task.task.done]
    done = [task for task in numbered if task.task.done]
    return Plan(
        "spec_kit",
        tuple(_item(task, before, boxes) for task, before in zip(open_ones, _order(open_ones), strict=True)),
        tuple(boxes.problems + [problem for task in open_ones for problem in _problems(task)]),
        tuple(boxes.skipped),
        frozenset(task.id for task in done if task.id),
        done_paths=frozenset(path(task.task.headings, title_of(task.title)) for task in done),
        name=boxes.name.removeprefix("Tasks:").strip(),
    )


def _numbered(task: Task) -> _Numbered:
    match = _TITLE.match(task.title)
    if match is None:
        return _Numbered(task, "", False, task.title)
    return _Numbered(task, match.group(1), "[P]" in match.group(2).upper(), match.group(3).strip())


def _problems(task: _Numbered) -> list[Problem]:
    if task.id == "TXXX":
        return [Problem(task.task.line, "TXXX is a placeholder of spec-kit's template: give the task its number")]
    return [] if task.title else [Problem(task.task.line, f"{task.id} has no words")]


def _order(tasks: Sequence[_Numbered]) -> list[list[str]]:
    """The ids of the tasks that each task waits for: those of the step before its own."""
    before: list[list[str]] = []
    step: list[str] = []
    last: list[str] = []
    for n, task in enumerate(tasks):
        previous = tasks[n - 1] if n else None
        together = previous is not None and task.parallel and previous.parallel and _phase(task) == _phase(previous)
        if not together:
            last, step = step or last, []
        before.append([*last])
        step += [task.id] if task.id else []
    return before


def _phase(task: _Numbered) -> tuple[str, ...]:
    return task.task.headings[:1]


def _item(task: _Numbered, before: Sequence[str], boxes: Checklist) -> Item:
    explicit = [id_ for names in _NAMED.findall(task.title) for id_ in _ids(names)]
    title = _BRACKET.sub("", task.title).strip()
    item = replace(task.task, title=title).item(source_id="" if task.id == "TXXX" else task.id)
    spec = dict(item.value.get("spec", {}))
    if paths := texts.paths(title):
        spec["files_to_modify"] = list(dict.fromkeys([*spec.get("files_to_modify", []), *paths]))
    if notes := [f"{name}: {words}" for line in boxes.notes.get(_phase(task), []) for name, words in _NOTE.findall(line)]:
        spec["requirements"] = "\n".join(notes)
    needs = list(dict.fromkeys([*before, *explicit, *item.value.get("depends_on", [])]))
    value = item.value | ({"ref": task.id} if task.id else {}) | ({"depends_on": needs} if needs else {})
    return replace(item, value=value | ({"spec": spec} if spec else {}))


def _ids(names: str) -> list[str]:
    """`T012, T014-T016` names four tasks."""
    ids = _ID.findall(names)
    for first, last in _RANGE.findall(names):
        ids += [f"T{n:0{len(first)}}" for n in range(int(first), min(int(last), int(first) + 200) + 1)]
    return list(dict.fromkeys(ids))


READER = Reader(
    "spec-kit tasks.md",
    plan,
    lambda text: 4 if TASK.search(text) else 0,
    not_plans={
        re.compile(_TITLED + "Feature Specification:", re.S): "This is a spec.md of spec-kit: its tasks.md has the tasks",
        re.compile(_TITLED + "Implementation Plan:", re.S): "This is a plan.md of spec-kit: its tasks.md has the tasks",
    },
)
