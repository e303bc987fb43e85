"""A change of OpenSpec: `tasks.md` with numbered tasks in sections, and `proposal.md`, which every task of the change gets as its requirements.

The numbers are the order: each task waits for the one before it.
"""

import re
from dataclasses import replace
from pathlib import PurePosixPath

from orchestration.plans.readers.shared import bundle, checklist, texts
from orchestration.plans.readers.shared.checklist import Task
from orchestration.plans.readers.shared.items import Item, Plan, Problem, Unreadable, path, title_of
from orchestration.plans.readers.shared.reader import Reader

_NUMBER = re.compile(r"\**([0-9]{1,3}(?:\.[0-9]{1,3})+)\.?\**[ \t]+(.*)")
_SECTION = re.compile(r"^##[ \t]+(?:Phase[ \t]+)?[0-9]{1,3}[.:][ \t]", re.M)
_BOX = re.compile(r"^[-*][ \t]+\[[ xX]\][ \t]+(.*)$", re.M)
_READ = ("tasks.md", "proposal.md")
MAX_PROPOSAL = 8000


def is_tasks(text: str) -> bool:
    """True if every task has a number, in numbered sections."""
    boxes = _BOX.findall(text)
    return bool(boxes) and all(map(_NUMBER.match, boxes)) and _SECTION.search(text) is not None


def is_proposal(text: str) -> bool:
    names = texts.sections(text)
    return "why" in names and "what changes" in names and not _BOX.search(text)


def plan(text: str) -> Plan:
    files = bundle.split(text)
    named = {PurePosixPath(file.name).name: file for file in files}
    tasks = named.get("tasks.md") or (files[0] if len(files) == 1 else None)
    if tasks is None or is_proposal(tasks.text):
        raise Unreadable(0, "The tasks.md of the OpenSpec change is missing: a proposal alone has no tasks")
    boxes = checklist.read(tasks.text)
    name = PurePosixPath(tasks.name).parent.name
    requirements = _requirements(name, named["proposal.md"].text) if "proposal.md" in named else ""
    open_ones = [task for task in boxes.tasks if not task.done]
    done = [task for task in boxes.tasks if task.done]
    items, before = [], ""
    for task in open_ones:
        items.append(_shifted(_item(task, before, requirements), tasks.before))
        before = _split(task)[0] or before
    not_read = [
        Problem(file.before, f"{file.name} is not read: the agent finds it in the repository") for file in files if _is_more(file)
    ]
    return Plan(
        "open_spec",
        tuple(items),
        tuple(Problem(problem.line + tasks.before, problem.message) for problem in boxes.problems),
        (*(Problem(problem.line + tasks.before, problem.message) for problem in boxes.skipped), *not_read),
        frozenset(_split(task)[0] for task in done if _split(task)[0]),
        done_paths=frozenset(path(task.headings, title_of(_split(task)[1])) for task in done),
        name=name or boxes.name,
    )


def _is_more(file: bundle.File) -> bool:
    return bool(file.name) and PurePosixPath(file.name).name not in _READ


def _split(task: Task) -> tuple[str, str]:
    match = _NUMBER.match(task.title)
    return (match.group(1), match.group(2).strip()) if match else ("", task.title)


def _item(task: Task, before: str, requirements: str) -> Item:
    number, title = _split(task)
    item = replace(task, title=title).item(source_id=number)
    spec = dict(item.value.get("spec", {}))
    if paths := texts.paths(title):
        spec["files_to_modify"] = list(dict.fromkeys([*spec.get("files_to_modify", []), *paths]))
    if requirements:
        spec["requirements"] = requirements
    needs = [*([before] if before else []), *item.value.get("depends_on", [])]
    value = item.value | ({"ref": number} if number else {}) | ({"depends_on": needs} if needs else {})
    return replace(item, value=value | ({"spec": spec} if spec else {}))


def _shifted(item: Item, lines: int) -> Item:
    return replace(item, line=item.line + lines, lines={name: line + lines for name, line in item.lines.items()})


def _requirements(name: str, proposal: str) -> str:
    below = texts.sections(proposal)
    named = [(heading, texts.text_of(below, heading.lower())) for heading in ("Why", "What Changes", "Impact")]
    parts = [
        f"This is a part of the change {name}." if name else "",
        *(f"{heading}:\n{words}" for heading, words in named if words),
    ]
    return "\n\n".join(filter(None, parts))[:MAX_PROPOSAL]


def _certainty(text: str) -> int:
    if bundle.split(text)[0].name or is_proposal(text):
        return 8
    return 3 if checklist.BOX.search(text) and is_tasks(text) else 0


READER = Reader("OpenSpec change", plan, _certainty, several=True)
