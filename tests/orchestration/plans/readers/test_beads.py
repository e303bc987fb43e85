"""Issues of beads: epics are groups, blocking links are order."""

import json
from typing import Any

from tests.orchestration.plans.readers.reading import good, messages, needs, read


def issue(id_: str, title: str, *, links: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """An issue as `bd export` writes it. `links`: an id, and the type of the link."""
    dependencies = [
        {"issue_id": id_, "depends_on_id": on, "type": type_, "created_at": "2025-12-17T21:19:11Z", "created_by": "daemon"}
        for on, type_ in (links or {}).items()
    ]
    fields = {"id": id_, "title": title, "description": "", "status": "open", "priority": 2, "issue_type": "task"}
    return fields | more | ({"dependencies": dependencies} if dependencies else {})


ISSUES = [
    issue("bd-1", "Release", issue_type="epic", links={"bd-5": "blocks"}),
    issue(
        "bd-1.1", "Tag it", priority=0, links={"bd-1": "parent-child"}, acceptance_criteria="- The tag is signed\n- It is pushed"
    ),
    issue(
        "bd-1.2", "Publish", priority=4, links={"bd-1": "parent-child", "bd-1.1": "blocks", "bd-4": "related"}, design="By CI."
    ),
    issue("bd-2", "Announce", issue_type="chore", description="In the blog.", links={"bd-1": "blocks", "bd-9": "blocks"}),
    issue("bd-3", "Old", status="closed"),
    issue("bd-4", "Someday", status="deferred"),
    issue("bd-5", "Fix the build", issue_type="bug", status="in_progress", links={"bd-3": "blocks"}),
    issue("bd-6", "Gone", status="tombstone"),
    issue("bd-7", "Mail", issue_type="message"),
]
LINES = "\n".join(json.dumps(each) for each in ISSUES)


def test_blocking_links_are_order_and_an_epic_stands_for_its_issues() -> None:
    assert needs(good(LINES, "beads")) == {
        "bd-1.1": ("bd-5",),
        "bd-1.2": ("bd-1.1", "bd-5"),
        "bd-2": ("bd-1.1", "bd-1.2"),
        "bd-5": (),
    }


def test_texts_priorities_criteria_and_groups_are_read() -> None:
    drafts = good(LINES, "beads")
    assert (drafts["bd-1.1"].priority.name, drafts["bd-1.2"].priority.name, drafts["bd-2"].priority.name) == (
        "CRITICAL",
        "LOW",
        "MEDIUM",
    )
    assert drafts["bd-1.1"].spec == {"acceptance_criteria": ["The tag is signed", "It is pushed"]}
    assert drafts["bd-1.2"].spec == {"requirements": "Design:\nBy CI."} and drafts["bd-1.2"].group == "Release"
    assert drafts["bd-2"].content == "Announce\n\nIn the blog."


def test_what_is_no_work_is_listed_with_its_reason() -> None:
    result = read(LINES, "beads")
    assert [problem.message for problem in result.plan.skipped] == [
        "bd-1 Release is an epic: the group of its issues",
        "bd-3 Old is closed",
        "bd-4 Someday is deferred",
        "bd-6 Gone is deleted",
        "bd-7 Mail is of the type message, which is no work",
    ]
    assert [doubt.message for doubt in result.doubts] == [
        "bd-9 is neither in this plan nor on the backlog: it counts as done",
        "bd-4 is set aside: it is left out, and nothing waits for it",
    ]
    assert result.plan.name == "bd"


def test_the_list_of_bd_list_is_read_too() -> None:
    assert list(good(json.dumps(ISSUES, indent=2), "beads")) == ["bd-1.1", "bd-1.2", "bd-2", "bd-5"]


def test_problems_have_their_line() -> None:
    assert messages(LINES + "\n{")[0][0] == len(ISSUES) + 1
    assert messages(LINES + "\n" + json.dumps({"title": "x"}))[0] == (
        10,
        "This line is no issue of beads: it has no id, or no title",
    )
    assert "there twice, first on line 1" in messages(LINES + "\n" + json.dumps(ISSUES[0]))[0][1]
    circle = [issue("a-1", "A", links={"a-2": "blocks"}), issue("a-2", "B", links={"a-1": "blocks"})]
    assert "wait for each other" in messages("\n".join(map(json.dumps, circle)))[0][1]
    assert "export the issues" in messages("SQLite format 3 ")[0][1]
