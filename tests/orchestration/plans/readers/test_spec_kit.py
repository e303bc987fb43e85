"""spec-kit's tasks.md: phases are order, [P] goes together, T-numbers are ids."""

from tests.orchestration.plans.readers.reading import good, messages, needs, read

TASKS = """\
---
description: "Task list for the feature"
---

# Tasks: Photo albums

**Input**: Design documents from `/specs/001-photo-albums/`

## Format: `[ID] [P?] [Story] Description`

- **[P]**: Can run in parallel (different files, no dependencies)

## Phase 1: Setup (Shared Infrastructure)

**Purpose**: Project initialization and basic structure

- [x] T001 Create project structure per implementation plan
- [ ] T002 Initialize the project with its dependencies
- [ ] T003 [P] Configure linting in pyproject.toml
- [ ] T004 [P] Configure the formatter in config/format.toml

---

## Phase 2: User Story 1 - Albums (Priority: P1) 🎯 MVP

**Goal**: People group photos

**Independent Test**: Create an album and see it in the list

### Tests for User Story 1

- [ ] T005 [P] [US1] Contract test in tests/contract/test_albums.py

### Implementation for User Story 1

- [ ] T006 [P] [US1] Create the model in src/models/album.py
- [ ] T007 [US1] Implement the service in `src/services/albums.py` (depends on T005, T006)
  - Names are unique

**Checkpoint**: User Story 1 works

## Dependencies & Execution Order

- **Setup (Phase 1)**: No dependencies

```bash
Task: "Contract test in tests/contract/test_albums.py"
```
"""


def test_phases_are_order_and_p_goes_together() -> None:
    assert needs(good(TASKS, "spec_kit")) == {
        "T002": (),
        "T003": ("T002",),
        "T004": ("T002",),
        "T005": ("T003", "T004"),
        "T006": ("T003", "T004"),
        "T007": ("T005", "T006"),
    }


def test_titles_files_criteria_and_the_story_are_read() -> None:
    drafts = good(TASKS, "spec_kit")
    assert drafts["T007"].content == "Implement the service in `src/services/albums.py`"
    assert drafts["T007"].spec == {
        "requirements": "Goal: People group photos\nIndependent Test: Create an album and see it in the list",
        "acceptance_criteria": ["Names are unique"],
        "files_to_modify": ["src/services/albums.py"],
    }
    assert drafts["T003"].spec == {"requirements": "Purpose: Project initialization and basic structure"}
    assert drafts["T006"].group == "Phase 2: User Story 1 - Albums (Priority: P1) 🎯 MVP / Implementation for User Story 1"


def test_the_plan_has_the_name_of_the_feature_and_ticked_tasks_are_done() -> None:
    plan = read(TASKS, "spec_kit").plan
    assert plan.name == "Photo albums" and plan.done_refs == {"T001"}
    assert [problem.message for problem in plan.skipped] == [
        "T001 Create project structure per implementation plan is ticked off"
    ]


def test_ranges_and_parts_of_numbers_are_dependencies() -> None:
    text = "## Phase 1: A\n- [ ] T001 [P] One\n- [ ] T001.5 [P] One more\n- [ ] T002 [P] Two\n- [ ] T003 [P] All (depends on T001-T002)\n"
    drafts = good(text, "spec_kit")
    assert drafts["T003"].depends_on == ("T001", "T002") and drafts["T003"].content == "All" and "T001.5" in drafts


def test_the_template_is_refused_and_so_are_the_documents_without_tasks() -> None:
    assert messages("## Phase N: Polish\n- [ ] TXXX [P] Documentation updates in docs/\n") == [
        (2, "TXXX is a placeholder of spec-kit's template: give the task its number")
    ]
    assert messages("# Feature Specification: Albums\n\n## User Scenarios\n") == [
        (1, "This is a spec.md of spec-kit: its tasks.md has the tasks")
    ]
    assert "plan.md" in messages("# Implementation Plan: Albums\n")[0][1]


def test_a_dependency_on_a_task_that_is_not_there_is_a_problem() -> None:
    assert messages("- [ ] T001 One (depends on T009)\n")[0][1].startswith("There is no ref 'T009' in this plan")
