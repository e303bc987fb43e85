"""Tasks of Backlog.md: front matter, criteria, parents."""

from orchestration.plans.readers.shared import bundle
from tests.orchestration.plans.readers.reading import good, messages, needs, read

PARENT = """\
---
id: BACK-355
title: Add a type to tasks
status: To Do
assignee: [@codex]
created_date: '2026-01-01 23:37'
labels: []
dependencies: []
ordinal: 3000
---

## Description

Tasks have a type.
"""
CORE = """\
---
id: BACK-355.01
title: 'Core: Add type field'
status: To Do
assignee: []
labels:
  - core
dependencies: []
modified_files:
  - src/types/index.ts
parent_task_id: BACK-355
priority: high
ordinal: 1000
---

## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
Add the foundational type field.
<!-- SECTION:DESCRIPTION:END -->

## Acceptance Criteria
<!-- AC:BEGIN -->
- [x] #1 The interface has a type
- [ ] #2 The parser reads it
<!-- AC:END -->

## Definition of Done
<!-- DOD:BEGIN -->
- [ ] #1 Tests pass
<!-- DOD:END -->

## Implementation Plan

Start with the parser.

## Implementation Notes

None yet.
"""
DISPLAY = """\
---
id: BACK-355.05
title: 'TUI: Display the type'
status: In Progress
dependencies:
  - task-355.01
  - BACK-12
parent_task_id: BACK-355
ordinal: 2000
---
"""
ENDED = "---\nid: BACK-1\ntitle: Old\nstatus: Done\n---\n"
DRAFT = "---\nid: BACK-2\ntitle: Idea\nstatus: Draft\n---\n"


def the_tasks() -> str:
    texts = {"355": PARENT, "355.01": CORE, "355.05": DISPLAY, "1": ENDED, "2": DRAFT}
    return bundle.join([(f"backlog/tasks/back-{id_}.md", text) for id_, text in texts.items()])


def test_order_and_dependencies_are_the_ordinals_the_lists_and_the_parents() -> None:
    drafts = good(the_tasks(), "backlog_md")
    assert needs(drafts) == {
        "BACK-355.01": (),
        "BACK-355.05": ("BACK-355.01",),
        "BACK-355": ("BACK-355.01", "BACK-355.05"),
    }


def test_criteria_plan_files_and_group_are_read() -> None:
    core = good(the_tasks(), "backlog_md")["BACK-355.01"]
    assert core.content == "Core: Add type field\n\nAdd the foundational type field."
    assert core.spec == {
        "requirements": "Start with the parser.",
        "acceptance_criteria": ["The parser reads it", "Tests pass"],
        "files_to_modify": ["src/types/index.ts"],
    }
    assert (core.group, core.priority.name) == ("Add a type to tasks", "HIGH")


def test_a_task_that_is_elsewhere_counts_as_done_and_is_pointed_out() -> None:
    result = read(the_tasks(), "backlog_md")
    assert [problem.message for problem in result.doubts] == [
        "BACK-12 is neither in this plan nor on the backlog: it counts as done"
    ]
    assert [problem.message for problem in result.plan.skipped] == ["BACK-1 Old is done", "BACK-2 Idea is draft"]


def test_a_single_task_and_several_pasted_ones_are_read() -> None:
    assert list(good(CORE, "backlog_md")) == ["BACK-355.01"]
    assert list(good(CORE + PARENT, "backlog_md")) == ["BACK-355.01", "BACK-355"]


def test_another_file_among_the_tasks_is_named() -> None:
    text = bundle.join([("backlog/tasks/back-1.md", CORE), ("backlog/config.md", "# Config\n")])
    line = text.count("\n")
    assert messages(text) == [(line, "backlog/config.md has no front matter between `---`: it is no task of Backlog.md")]


def test_bad_front_matter_has_its_line() -> None:
    assert messages("---\nid: BACK-1\ntitle: 'Open\nstatus: To Do\n---\n")[0][0] >= 3
