"""The prompts of agents, and a workspace's own templates."""

import pytest

from orchestration import configuration
from orchestration.configuration import workspace_setup
from orchestration.models import Entry
from orchestration.worker.steps import prompts
from tests.factories import a_workspace, an_entry
from workspaces.errors import Invalid

pytestmark = pytest.mark.django_db
FULL = configuration.merged(
    {},
    {
        "verify": [{"name": "tests", "run": "pytest -q"}],
        "interceptor": {"agent": {"command": "x"}},
        "verifier": {"agent": {"command": "x"}},
    },
)


def the_entry() -> Entry:
    entry = an_entry(a_workspace())
    entry.content, entry.paths = "Make add() add\n\nIt subtracts.", ["app.py"]
    entry.spec = {"requirements": "1 < 2 & more", "acceptance_criteria": ["add(1, 2) is 3"]}
    return entry


def test_the_prompt_reads_like_a_page() -> None:
    entry = the_entry()
    text = prompts.implement(
        entry, FULL, number=2, findings_by_round=[(1, ["tests: add failed"])], protected=["tests/test_app.py"]
    )
    assert (
        text
        == f"""# Task {entry.seq}, round 2

Make add() add

It subtracts.

## Requirements

1 < 2 & more

## Acceptance criteria

- add(1, 2) is 3

## What round 1 left open

- tests: add failed

## Files that are yours

Edit only these: other agents work on the rest at the same time.

- app.py

## Files that judge your work

They are restored before your work is judged. Do not change them.

- tests/test_app.py

## How it will be verified

- tests: `pytest -q`
- a reviewing agent reads your diff
- an agent judges it against the acceptance criteria
"""
    )


def test_a_later_round_is_shown_all_that_it_must_know_in_this_order() -> None:
    entry = the_entry()
    entry.paths, entry.spec = ["app.py", "tests/test_app.py"], {"tests": ["test_add", "test_sub"], "nonsense": "x"}
    names = [f"t{n}" for n in range(21)]
    text = prompts.implement(
        entry,
        FULL,
        number=3,
        findings_by_round=[(2, ["newer", "more"]), (1, ["older"])],
        protected=["tests/test_app.py", *names[:19]],
        conflicts=["app.py"],
        known_failures=names,
    )
    parts = {part.split("\n")[0]: part.split("\n\n")[-1].strip() for part in text.split("\n## ")[1:]}
    assert parts == {
        "What round 2 left open": "- newer\n- more",
        "What round 1 left open": "- older",
        "Conflicts to resolve first": "- app.py",
        "Files that are yours": "- app.py",
        "Files that judge your work": "\n".join(f"- {name}" for name in ["tests/test_app.py", *names[:19]]),
        "Tests that must pass": "- test_add\n- test_sub",
        "Tests that fail already": "\n".join(f"- {name}" for name in [*names[:20], "and others like them"]),
        "How it will be verified": "- tests: `pytest -q`\n- a reviewing agent reads your diff",
    }, "without criteria no agent judges by them"
    assert list(parts)[:3] == ["What round 2 left open", "What round 1 left open", "Conflicts to resolve first"]


def test_a_plain_entry_gives_only_the_task() -> None:
    entry = an_entry(a_workspace())
    assert (
        prompts.implement(entry, configuration.Config(), number=1, findings_by_round=[])
        == f"# Task {entry.seq}, round 1\n\n{entry.content}\n"
    )


def test_a_judge_sees_the_criteria_and_the_diff() -> None:
    text = prompts.verify(the_entry(), FULL, number=1, diff="+    return a + b", word="k7f3")
    assert "- add(1, 2) is 3" in text and "+    return a + b" in text and '"verdict": "PASS"' in text


def test_no_template_can_lose_the_word_of_the_verdict() -> None:
    config = configuration.merged({}, {"prompts": {"review": "look", "verify": "judge "}})
    review = prompts.review(the_entry(), config, number=1, diff="", word="k7f3")
    verify = prompts.verify(the_entry(), config, number=1, diff="", word="k7f3")
    assert review.startswith("look\n") and verify.startswith("judge\n")
    assert review.endswith("Verdict word: k7f3\n") and verify.endswith("Verdict word: k7f3\n")


def test_a_workspace_may_use_its_own_template() -> None:
    config = configuration.merged(
        {}, {"prompts": {"implement": "{{ title|upper }}\n{% for f in found %}{{ f.text }}{% endfor %}"}}
    )
    assert prompts.implement(the_entry(), config, number=1, findings_by_round=[(1, ["x < y"])]) == "MAKE ADD() ADD\n- x < y\n"


@pytest.mark.parametrize("text", ["{% if %}", "{% nothing %}", "{% include 'shared/base.html' %}{% if %}", "{{ x|nofilter }}"])
def test_an_invalid_template_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is no template"):
        workspace_setup.validated({}, {"prompts": {"implement": text}})


def test_a_template_reads_no_file() -> None:
    with pytest.raises(ValueError, match="is no template"):
        configuration.merged({}, {"prompts": {"implement": "{% include 'shared/base.html' %}"}})
