"""A Markdown checklist: each open box of the outermost level is an entry, and the headings above it are its group."""

from orchestration.plans.readers.shared import checklist
from orchestration.plans.readers.shared.items import Plan, path, title_of
from orchestration.plans.readers.shared.reader import Reader


def plan(text: str) -> Plan:
    boxes = checklist.read(text)
    done = [task for task in boxes.tasks if task.done]
    return Plan(
        "markdown",
        tuple(task.item() for task in boxes.tasks if not task.done),
        tuple(boxes.problems),
        tuple(sorted(boxes.skipped)),
        frozenset(str(task.value["ref"]) for task in done if task.value.get("ref")),
        tuple(sorted(boxes.doubts)),
        done_paths=frozenset(path(task.headings, title_of(task.title)) for task in done),
        name=boxes.name,
    )


READER = Reader(
    "Markdown checklist",
    plan,
    lambda text: 2 if checklist.BOX.search(text) else 0,
    nothing="open boxes, such as `- [ ] Write the parser`",
)
