"""A change of OpenSpec: numbered tasks in order, with the proposal as what they are for."""

from orchestration.plans.readers.shared import bundle
from tests.orchestration.plans.readers.reading import good, messages

TASKS = """\
## 1. Name validation

- [x] 1.1 Create `src/utils/change-utils.ts`
- [ ] 1.2 Implement `validateChangeName()` in `src/utils/change-utils.ts`:
  - uppercase is rejected
  - spaces are rejected

## 2. Change creation

- [ ] 2.1 Implement `createChange(projectRoot, name)`
- [ ] 2.2 Run the tests
"""
PROPOSAL = """\
## Why

There is no programmatic way to create a change.

## What Changes

- **NEW** `createChange`

## Impact

- Affected code: `src/utils/`
"""
FOLDER = "openspec/changes/add-change-manager"


def a_change() -> str:
    return bundle.join(
        [
            (f"{FOLDER}/proposal.md", PROPOSAL),
            (f"{FOLDER}/specs/changes/spec.md", "## ADDED Requirements\n"),
            (f"{FOLDER}/tasks.md", TASKS),
        ]
    )


def test_each_task_gets_the_proposal_and_its_section() -> None:
    drafts = good(a_change(), "open_spec")
    first = drafts["1.2"]
    assert (
        first.content == "Implement `validateChangeName()` in `src/utils/change-utils.ts`:"
        and first.group == "1. Name validation"
    )
    assert first.spec["acceptance_criteria"] == ["uppercase is rejected", "spaces are rejected"]
    assert first.spec["files_to_modify"] == ["src/utils/change-utils.ts"]
    assert first.spec["requirements"].startswith("This is a part of the change add-change-manager.\n\nWhy:\nThere is no")
    assert drafts["2.2"].spec == {"requirements": first.spec["requirements"]}


def test_a_proposal_alone_is_refused() -> None:
    assert messages(PROPOSAL) == [(0, "The tasks.md of the OpenSpec change is missing: a proposal alone has no tasks")]
