"""Tasks of Backlog.md: one Markdown file for each task, with front matter. A task with subtasks waits for them, and they are its group.

Finished tasks lie in other folders, so a dependency on a task that is not here is done, and the preview says so.
"""

import re
from dataclasses import dataclass
from typing import Any

from orchestration.plans.readers import yaml_text
from orchestration.plans.readers.shared import blocks, bundle, texts
from orchestration.plans.readers.shared.items import Item, Plan, Problem, Unreadable
from orchestration.plans.readers.shared.reader import Reader

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.S)
_NEXT = re.compile(r"^---[ \t]*\n(?=id:)", re.M)
_PEOPLE = re.compile(r"^((?:assignee|reporter):).*@.*$", re.M)  # `[@ana]` is not YAML
_INDEX = re.compile(r"^#[0-9]+[ \t]+")
DONE = ("done", "completed", "complete", "closed", "cancelled", "canceled")
PRIORITIES = ("critical", "high", "medium", "low")


@dataclass(frozen=True)
class _Task:
    """`line`: of its front matter in the whole text; `lines`: of its properties."""

    front: dict[str, Any]
    body: str
    line: int
    lines: dict[str, int]

    @property
    def id(self) -> str:
        return str(self.front["id"]).strip()

    @property
    def title(self) -> str:
        return str(self.front["title"]).strip()

    @property
    def status(self) -> str:
        return str(self.front.get("status") or "").strip().lower()

    def names(self, key: str) -> list[str]:
        value = self.front.get(key)
        return [str(name) for name in value] if isinstance(value, list) else [str(value)] if value else []


def is_task(text: str) -> bool:
    front = _FRONT.match(text)
    return front is not None and all(re.search(rf"^{key}:", front.group(1), re.M) for key in ("id", "title", "status"))


def plan(text: str) -> Plan:
    tasks = [task for file in bundle.split(text) for task in _tasks(file)]
    tasks.sort(key=lambda task: _ordinal(task.front.get("ordinal")))
    skipped = [Problem(task.line, f"{task.id} {task.title[:80]} is {task.status}") for task in tasks if _is_skipped(task)]
    open_ones = [task for task in tasks if not _is_skipped(task)]
    ids = _Ids([task.id for task in tasks])
    children: dict[str, list[str]] = {}
    for task in open_ones:
        children.setdefault(ids.of(str(task.front.get("parent_task_id") or "")), []).append(task.id)
    titles = {task.id: task.title for task in tasks}
    return Plan(
        "backlog_md",
        tuple(_item(task, ids, children.get(task.id, []), titles) for task in open_ones),
        skipped=tuple(skipped),
        done_refs=frozenset(task.id for task in tasks if task.status in DONE),
        name="Backlog.md",
        closed=False,
    )


def _tasks(file: bundle.File) -> list[_Task]:
    """A file is one task; a pasted text may hold several, one after the other."""
    starts = [match.start() for match in _NEXT.finditer(file.text)] or [0]
    tasks = []
    for start, end in zip(starts, [*starts[1:], len(file.text)], strict=True):
        before = file.before + file.text.count("\n", 0, start)
        tasks.append(_task(file.text[start:end], before, file.name))
    return tasks


def _task(text: str, before: int, name: str) -> _Task:
    match = _FRONT.match(text)
    if match is None:
        raise Unreadable(before + 1, f"{name or 'This'} has no front matter between `---`: it is no task of Backlog.md")
    front, lines = yaml_text.mapping(_PEOPLE.sub(r"\1", match.group(1)), before + 1)
    if not front.get("id") or not front.get("title"):
        raise Unreadable(before + 1, f"{name or 'This'} has no id or no title in its front matter: it is no task of Backlog.md")
    return _Task(front, text[match.end() :], before + 1, lines)


def _is_skipped(task: _Task) -> bool:
    return task.status in DONE or task.status == "draft"


def _ordinal(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("inf")


class _Ids:
    """Ids as tasks write them: in any case, and, where the prefix of the project was changed since, by the number alone."""

    def __init__(self, ids: list[str]) -> None:
        self._exact = {id_.lower(): id_ for id_ in ids}
        self._numbers = {id_.lower().rpartition("-")[2]: id_ for id_ in ids}

    def of(self, name: str) -> str:
        low = name.strip().lower()
        return self._exact.get(low) or self._numbers.get(low.rpartition("-")[2]) or name.strip()


def _item(task: _Task, ids: _Ids, children: list[str], titles: dict[str, str]) -> Item:
    below = texts.sections(task.body)
    description = texts.text_of(below, "description")
    spec: dict[str, Any] = {
        "requirements": texts.text_of(below, "implementation plan"),
        "acceptance_criteria": [*_criteria(below, "acceptance criteria"), *_criteria(below, "definition of done")],
        "files_to_modify": task.names("modified_files"),
    }
    parent = titles.get(ids.of(str(task.front.get("parent_task_id") or "")), "")
    group = parent or str(task.front.get("milestone") or "")
    priority = str(task.front.get("priority") or "").lower()
    needs = list(dict.fromkeys([*(ids.of(name) for name in task.names("dependencies")), *children]))
    value: dict[str, Any] = {
        "ref": task.id,
        "content": f"{task.title}\n\n{description}" if description else task.title,
        "spec": {name: item for name, item in spec.items() if item} or None,
        "priority": priority if priority in PRIORITIES else None,
        "depends_on": needs,
        "group": group[:200],
    }
    kept = {name: item for name, item in value.items() if item}
    return Item(task.line, kept, {"depends_on": task.lines.get("dependencies", task.line)}, task.id, (group,) if group else ())


def _criteria(below: dict[str, tuple[int, list[str]]], name: str) -> list[str]:
    lines = below.get(name, (0, []))[1]
    bullets = blocks.parse(lines).bullets.values()
    return [_INDEX.sub("", bullet.text).strip() for bullet in bullets if bullet.box not in ("x", "X") and bullet.text.strip()]


def _certainty(text: str) -> int:
    return 9 if is_task(bundle.split(text)[0].text) else 0


READER = Reader("Backlog.md tasks", plan, _certainty, several=True, places=("backlog/tasks",))
