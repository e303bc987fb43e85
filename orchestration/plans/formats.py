"""From text to a plan in any of the formats; bounded, and every problem has a line."""

import re
from collections.abc import Callable

from orchestration.plans.readers import (
    backlog_md,
    beads,
    bundle,
    json_text,
    markdown,
    open_spec,
    spec_kit,
    task_master,
    yaml_text,
)
from orchestration.plans.readers.items import MAX_BYTES, MAX_ENTRIES, Item, Plan, Problem, Unreadable

FORMATS = {
    "markdown": "Markdown checklist",
    "yaml": "YAML",
    "json": "JSON",
    "backlog_md": "Backlog.md tasks",
    "spec_kit": "spec-kit tasks.md",
    "open_spec": "OpenSpec change",
    "task_master": "task-master tasks.json",
    "beads": "beads issues",
}
_CHECKLIST = re.compile(r"^[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\[[ xX]\][ \t]", re.M)
_SEVERAL = ("backlog_md", "open_spec")


def _wrapped(format: str, items: Callable[[str], tuple[Item, ...]]) -> Callable[[str], Plan]:
    return lambda text: Plan(format, items(text))


_READERS: dict[str, Callable[[str], Plan]] = {
    "markdown": markdown.plan,
    "yaml": _wrapped("yaml", yaml_text.items),
    "json": _wrapped("json", json_text.items),
    "backlog_md": backlog_md.plan,
    "spec_kit": spec_kit.plan,
    "open_spec": open_spec.plan,
    "task_master": task_master.plan,
    "beads": beads.plan,
}
# Documents of these tools that hold no tasks, by how they begin.
_NO_PLAN = {
    re.compile(
        r"\A(?:---\n.*?\n---\s*)?\s*#[ \t]+Feature Specification:", re.S
    ): "This is a spec.md of spec-kit: its tasks.md has the tasks",
    re.compile(
        r"\A(?:---\n.*?\n---\s*)?\s*#[ \t]+Implementation Plan:", re.S
    ): "This is a plan.md of spec-kit: its tasks.md has the tasks",
    re.compile(
        r'\A\s*{\s*"meta"\s*:.*"complexityAnalysis"', re.S
    ): "This is a report of task-master: its tasks.json has the tasks",
    re.compile(r"\ASQLite format 3"): "This is a database: export the issues of beads as JSON lines, with `bd export`",
}


def guess(text: str) -> str:
    start = text.lstrip("\ufeff \t\r\n")
    first = bundle.split(start)[0]
    if backlog_md.is_task(first.text):
        return "backlog_md"
    if first.name or open_spec.is_proposal(start):
        return "open_spec"
    if start[:1] in ("{", "["):
        return _json_kind(start)
    if spec_kit.TASK.search(start):
        return "spec_kit"
    if _CHECKLIST.search(start):
        return "open_spec" if open_spec.is_tasks(start) else "markdown"
    return "yaml"


def _json_kind(text: str) -> str:
    try:
        if beads.is_issue(json_text.load(text.split("\n", 1)[0])):
            return "beads"
    except Unreadable:
        pass  # an object of several lines
    try:
        whole = json_text.load(text)
    except Unreadable:
        return "json"
    if isinstance(whole, list) and whole and all(beads.is_issue(issue) and "issue_type" in issue for issue in whole):
        return "beads"
    return "task_master" if task_master.is_tasks(whole) else "json"


def parse(text: str, format: str = "") -> Plan:
    """Never raises: unreadable text is a problem of the plan."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    problem = _bad(text)
    chosen = format if format in FORMATS else "yaml" if problem else guess(text)
    if problem := problem or _foreign(text, chosen):
        return Plan(chosen, problems=(problem,))
    try:
        plan = _READERS[chosen](text)
    except Unreadable as error:
        return Plan(chosen, problems=(error.problem,))
    if len(plan.items) > MAX_ENTRIES:
        late = plan.items[MAX_ENTRIES].line
        return Plan(chosen, problems=(Problem(late, f"At most {MAX_ENTRIES} entries at once: these are {len(plan.items)}"),))
    if not plan.items and not plan.problems:
        words = (
            "open boxes, such as `- [ ] Write the parser`"
            if chosen == "markdown"
            else "open tasks"
            if plan.skipped
            else "entries"
        )
        return Plan(chosen, problems=(Problem(0, f"There are no {words} in this {FORMATS[chosen]}"),), skipped=plan.skipped)
    return plan


def _bad(text: str) -> Problem | None:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return Problem(0, "The plan is larger than 1 MiB")
    for number, line in enumerate(text.split("\n"), start=1):
        if "\x00" in line or any(0xD800 <= ord(c) < 0xE000 for c in line):
            return Problem(number, "This line has NUL or half a character in it")
    return None


def _foreign(text: str, format: str) -> Problem | None:
    for pattern, sentence in _NO_PLAN.items():
        if pattern.match(text):
            return Problem(1, sentence)
    if len(bundle.split(text)) > 1 and format not in _SEVERAL:
        return Problem(0, "Several files are read as tasks of Backlog.md or as one OpenSpec change: import these one by one")
    return None
