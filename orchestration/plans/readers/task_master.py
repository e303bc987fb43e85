"""`tasks.json` of task-master: tasks with subtasks, dependencies and a test strategy, in tags.

A subtask is an entry of its own, in the group of its task; the task waits for its subtasks, and its test strategy is its criterion. What a
task waits for, its subtasks wait for too.
"""

import json
import re
from typing import Any

from orchestration.plans.readers import json_text
from orchestration.plans.readers.shared import texts
from orchestration.plans.readers.shared.items import Item, Plan, Problem, Unreadable
from orchestration.plans.readers.shared.reader import Reader, is_json

DONE = ("done", "completed", "cancelled")
PRIORITIES = ("critical", "high", "medium", "low")
_ACTIONS = {"create": "files_to_create", "modify": "files_to_modify"}


def is_tasks(whole: Any) -> bool:
    return bool(_tags(whole))


def plan(text: str) -> Plan:
    tags = _tags(json_text.load(text))
    if not tags:
        raise Unreadable(1, 'There are no tasks in this file: task-master keeps them in "tasks", or in "tasks" of each tag')
    name = "master" if "master" in tags else next(iter(tags))
    if name != "master" and len(tags) > 1:
        raise Unreadable(
            1, f"This file has {len(tags)} tags ({', '.join(tags)[:200]}) and none is master: leave the one to import"
        )
    reader = _Reader(text, [task for task in tags[name] if isinstance(task, dict)])
    others = [Problem(0, f"The tag {tag[:60]} is left out: only {name} is imported") for tag in tags if tag != name]
    reader.read()
    return Plan(
        "task_master",
        tuple(reader.items),
        skipped=(*reader.skipped, *others),
        done_refs=frozenset(reader.done),
        doubts=tuple(reader.doubts),
        name=name if name != "tasks" else "",
    )


def _tags(whole: Any) -> dict[str, list[Any]]:
    if not isinstance(whole, dict):
        return {}
    if isinstance(whole.get("tasks"), list):
        return {"tasks": whole["tasks"]} if all(_is_task(task) for task in whole["tasks"]) else {}
    tags = {
        tag: value["tasks"] for tag, value in whole.items() if isinstance(value, dict) and isinstance(value.get("tasks"), list)
    }
    return {tag: tasks for tag, tasks in tags.items() if all(_is_task(task) for task in tasks)}


def _is_task(task: Any) -> bool:
    return isinstance(task, dict) and "id" in task and isinstance(task.get("title"), str)


class _Reader:
    def __init__(self, text: str, tasks: list[dict[str, Any]]) -> None:
        self.tasks = tasks
        self.items: list[Item] = []
        self.skipped: list[Problem] = []
        self.doubts: list[Problem] = []
        self.done: set[str] = set()
        self._text, self._at, self._line = text, 0, 1

    def read(self) -> None:
        for task in self.tasks:
            line = self._find(task["title"])
            subtasks = [subtask for subtask in _listed(task, "subtasks") if _is_task(subtask)]
            open_ones = self._subtasks(task, subtasks)
            if not self._is_skipped(str(task["id"]), task, line):
                self.items.append(self._item(str(task["id"]), task, line, [*_needs(task), *open_ones], ""))

    def _subtasks(self, task: dict[str, Any], subtasks: list[dict[str, Any]]) -> list[str]:
        """The ids of its open subtasks."""
        siblings = {str(subtask["id"]): f"{task['id']}.{subtask['id']}" for subtask in subtasks}
        ended = _status(task) in (*DONE, "deferred")
        open_ones = []
        for subtask in subtasks:
            id_, line = siblings[str(subtask["id"])], self._find(subtask["title"])
            if ended:
                self.done.add(id_)
            elif not self._is_skipped(id_, subtask, line):
                # A bare number of a subtask is its sibling, if there is one; else it is a task.
                needs = [*(siblings.get(name, name) for name in _needs(subtask)), *_needs(task)]
                self.items.append(self._item(id_, subtask, line, needs, task["title"].strip()))
                open_ones.append(id_)
        return open_ones

    def _is_skipped(self, id_: str, task: dict[str, Any], line: int) -> bool:
        status = _status(task)
        if status not in (*DONE, "deferred"):
            return False
        self.done.add(id_)
        self.skipped.append(Problem(line, f"{id_} {task['title'].strip()[:80]} is {status}"))
        if status == "deferred":
            self.doubts.append(Problem(line, f"{id_} is deferred: it is left out, and nothing waits for it"))
        return True

    def _item(self, id_: str, task: dict[str, Any], line: int, needs: list[str], group: str) -> Item:
        parts = [task["title"].strip(), _words(task, "description"), _words(task, "details")]
        spec = _spec(task)
        priority = _words(task, "priority").lower()
        value: dict[str, Any] = {
            "ref": id_,
            "content": "\n\n".join(filter(None, parts)),
            "spec": {name: item for name, item in spec.items() if item} or None,
            "priority": priority if priority in PRIORITIES else None,
            "depends_on": list(dict.fromkeys(needs)),
            "group": group[:200],
        }
        return Item(line, {name: item for name, item in value.items() if item}, {}, id_, (group,) if group else ())

    def _find(self, title: str) -> int:
        """The line of this title: they come in the order of the file."""
        for written in (json.dumps(title, ensure_ascii=False), json.dumps(title)):
            if (at := self._text.find(written, self._at)) >= 0:
                self._line += self._text.count("\n", self._at, at)
                self._at = at
                break
        return self._line


def _spec(task: dict[str, Any]) -> dict[str, Any]:
    criteria = task.get("acceptanceCriteria")
    listed = (
        [str(line) for line in criteria] if isinstance(criteria, list) else texts.criteria(_words(task, "acceptanceCriteria"))
    )
    strategy = _words(task, "testStrategy")
    spec: dict[str, Any] = {"acceptance_criteria": [*listed, *([strategy] if strategy else [])]}
    for file in _listed(task, "relevantFiles"):
        if isinstance(file, dict) and (name := _ACTIONS.get(str(file.get("action")))) and isinstance(file.get("path"), str):
            spec.setdefault(name, []).append(file["path"])
    return spec


def _needs(task: dict[str, Any]) -> list[str]:
    return [str(name) for name in _listed(task, "dependencies") if isinstance(name, (str, int)) and not isinstance(name, bool)]


def _listed(task: dict[str, Any], name: str) -> list[Any]:
    value = task.get(name)
    return value if isinstance(value, list) else []


def _words(task: dict[str, Any], name: str) -> str:
    value = task.get(name)
    return value.strip() if isinstance(value, str) else ""


def _status(task: dict[str, Any]) -> str:
    return _words(task, "status").lower() or "pending"


def _certainty(text: str) -> int:
    try:
        return 6 if is_json(text) and is_tasks(json_text.load(text)) else 0
    except Unreadable:
        return 0


READER = Reader(
    "task-master tasks.json",
    plan,
    _certainty,
    places=(".taskmaster/tasks/tasks.json",),
    not_plans={
        re.compile(
            r'\A\s*{\s*"meta"\s*:.*"complexityAnalysis"', re.S
        ): "This is a report of task-master: its tasks.json has the tasks"
    },
)
