"""The files of tools are read beyond their plain cases: order through groups, what is set aside, and lines of the whole text."""

import json
from typing import Any

import pytest

from orchestration.plans import checking, formats, sources
from orchestration.plans.names import Existing
from orchestration.plans.readers.shared import bundle
from orchestration.plans.readers.shared.items import Problem
from orchestration.plans.sources import NoPlan
from tests.orchestration.plans.readers.reading import good, needs, read
from tests.orchestration.plans.readers.test_beads import issue
from tests.orchestration.plans.readers.test_task_master import tagged


def lines_of(*issues: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, issues))


def test_an_issue_waits_for_what_blocks_all_that_it_belongs_to() -> None:
    text = lines_of(
        issue("b-1", "Top", issue_type="epic", links={"b-9": "blocks"}),
        issue("b-2", "Middle", issue_type="milestone", links={"b-1": "parent-child", "b-1.5": "waits-for"}),
        issue("b-3", "Leaf", links={"b-2": "parent-child"}, priority=0),
        issue("b-1.5", "Beside", links={"b-1": "parent-child"}, priority=9),
        issue("b-9", "First", ephemeral=False),
        issue("b-10", "After all", links={"b-1": "conditional-blocks", "b-3": "discovered-from"}),
    )
    drafts = good(text, "beads")
    assert needs(drafts) == {
        "b-3": ("b-1.5", "b-9"), "b-1.5": ("b-9",), "b-9": (), "b-10": ("b-3", "b-1.5"),
    }  # fmt: skip
    assert [drafts[ref].group for ref in ("b-3", "b-1.5", "b-9")] == ["Top / Middle", "Top", ""]
    assert [drafts[ref].priority.name for ref in ("b-3", "b-1.5")] == ["CRITICAL", "MEDIUM"]


def test_nothing_waits_for_issues_that_are_no_work_and_each_set_aside_is_named() -> None:
    aside = {"deferred": "d", "pinned": "p"}
    text = lines_of(
        *(issue(f"b-{id_}", "Aside", status=status) for status, id_ in aside.items()),
        issue("b-t", "Template", is_template=True),
        issue("b-e", "Short", ephemeral=True),
        issue("b-w", "Work", links=dict.fromkeys(["b-d", "b-p", "b-t", "b-e"], "blocks")),
    )
    result = read(text, "beads")
    assert [draft.depends_on for draft in result.drafts] == [()] and result.problems == []
    assert result.doubts == [
        Problem(n, f"b-{id_} is set aside: it is left out, and nothing waits for it") for n, id_ in enumerate("dp", start=1)
    ]
    assert [problem.message for problem in result.plan.skipped] == [
        "b-d Aside is deferred", "b-p Aside is pinned", "b-t Template is a template", "b-e Short is ephemeral",
    ]  # fmt: skip


def test_a_link_without_a_type_blocks_and_a_circle_of_parents_ends() -> None:
    first = issue("c-1", "A") | {"dependencies": [{"depends_on_id": "c-2"}, {"type": "blocks"}, 3]}
    assert needs(good(lines_of(first, issue("c-2", "B")), "beads")) == {"c-1": ("c-2",), "c-2": ()}
    circle = [
        issue("c-1", "A", issue_type="epic", links={"c-2": "parent-child"}),
        issue("c-2", "B", links={"c-1": "parent-child"}),
    ]
    assert needs(good(lines_of(*circle), "beads")) == {"c-2": ()}


def test_a_list_of_objects_with_ids_and_titles_alone_is_no_list_of_issues() -> None:
    plain = [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]
    assert formats.guess(json.dumps(plain, indent=1)) == "json"
    assert formats.guess(json.dumps([issue("a-1", "A"), issue("a-2", "B")], indent=1)) == "beads"
    assert formats.guess(json.dumps([issue("a-1", "A"), {"id": "b", "title": "B"}], indent=1)) == "json"


SPEC = "# Tasks: X\n## Phase 1\n{}\n## Phase 2\n{}\n"


def test_what_goes_together_is_a_run_of_parallel_tasks_of_one_phase() -> None:
    text = SPEC.format(
        "- [ ] T001 A\n- [ ] T002 [P] B\n- [ ] T003 [P] C\n- [ ] T004 D\n- [ ] T005 [P] E", "- [ ] T006 [P] F\n- [ ] T007 G"
    )
    assert needs(good(text, "spec_kit")) == {
        "T001": (), "T002": ("T001",), "T003": ("T001",), "T004": ("T002", "T003"), "T005": ("T004",), "T006": ("T005",), "T007": ("T006",),
    }  # fmt: skip


def test_a_range_ends_with_its_last_task_and_a_setting_counts_too() -> None:
    text = SPEC.format(
        "\n".join(f"- [ ] T00{n} [P] A{n}" for n in range(1, 7)),
        "- [ ] T010 B (depends on T002-T004, T006)\n- [ ] T011 [P] C\n  after: T001",
    )
    drafts = good(text, "spec_kit")
    assert drafts["T010"].depends_on == tuple(f"T00{n}" for n in range(1, 7))
    assert drafts["T011"].depends_on == ("T010", "T001") and drafts["T010"].content == "B"
    text = SPEC.format("- [ ] T001 A\n- [ ] T002 B\n- [ ] T003 C", "- [ ] T004 D (blocked by T001 to T002)")
    assert good(text, "spec_kit")["T004"].depends_on == ("T003", "T001", "T002")


def test_a_task_without_a_number_does_not_break_the_order() -> None:
    text = SPEC.format("- [ ] T001 A\n- [ ] Ask somebody\n- [ ] T002 B", "- [ ] T003 C")
    drafts = read(text, "spec_kit").drafts
    assert [(draft.ref, draft.depends_on) for draft in drafts] == [
        ("T001", ()), ("", ("T001",)), ("T002", ("T001",)), ("T003", ("T002",)),
    ]  # fmt: skip


OPEN = "## 1. First\n- [x] 1.1 Done\n- [ ] 1.2 Two in src/a.py\n- [ ] Ask\n## 2. Second\n- [ ] 2.1 Three\n  budget: many\n"


def test_tasks_of_a_change_follow_each_other_and_problems_have_the_line_of_the_file() -> None:
    text = bundle.join(
        [
            ("changes/dates/proposal.md", "## Why\nBecause\n## What Changes\nAll\n"),
            ("changes/dates/tasks.md", OPEN),
            ("changes/dates/design.md", "x\n"),
        ]
    )
    result = checking.check(formats.parse(text), [])
    assert result.plan.format == "open_spec" and result.plan.name == "dates"
    assert [(draft.ref, draft.depends_on) for draft in result.drafts] == [("1.2", ()), ("", ("1.2",)), ("2.1", ("1.2",))]
    assert result.drafts[0].spec == {
        "files_to_modify": ["src/a.py"],
        "requirements": "This is a part of the change dates.\n\nWhy:\nBecause\n\nWhat Changes:\nAll",
    }
    [problem] = result.problems
    assert bundle.place(text, problem.line) == "changes/dates/tasks.md:7"
    assert [bundle.place(text, item.line) for item in result.plan.items] == [f"changes/dates/tasks.md:{n}" for n in (3, 4, 6)]
    left_out = [(bundle.place(text, each.line), each.message) for each in result.plan.skipped]
    assert left_out[0] == ("changes/dates/tasks.md:2", "1.1 Done is ticked off") and "design.md is not read" in left_out[1][1]
    assert result.plan.done_refs == {"1.1"} and result.plan.done_paths == {"1. First / Done"}
    assert (
        formats.guess("## 1. A\n- [ ] 1.1 x\n- [ ] y\n") == "markdown" and formats.guess("## 1. A\n- [ ] 1.1 x\n") == "open_spec"
    )


TASKS: list[dict[str, Any]] = [
    {"id": 1, "title": "Same", "status": "deferred", "subtasks": [{"id": 1, "title": "Child"}]},
    {
        "id": 2, "title": "Same", "status": "pending", "dependencies": [1, "3"],
        "relevantFiles": [{"path": "a.py", "action": "modify"}, {"path": "b.py", "action": "modify"}, {"path": "c.py", "action": "create"}, {"path": "d", "action": "read"}],
        "acceptanceCriteria": ["one", "two"], "testStrategy": "three",
        "subtasks": [{"id": 3, "title": "Other"}, {"id": 4, "title": "Last", "dependencies": [3, True]}],
    },
    {"id": 3, "title": "Three", "priority": "HIGH"},
    {"id": 4, "title": "Four", "dependencies": ["1.1"]},
]  # fmt: skip


def test_subtasks_wait_for_what_their_task_does_and_for_nothing_deferred() -> None:
    text = tagged(master=TASKS)
    drafts = good(text, "task_master")
    assert needs(drafts) == {
        "2.3": ("3",), "2.4": ("2.3", "3"), "2": ("3", "2.3", "2.4"), "3": (), "4": (),
    }  # fmt: skip
    assert drafts["2"].spec == {
        "files_to_modify": ["a.py", "b.py"], "files_to_create": ["c.py"], "acceptance_criteria": ["one", "two", "three"],
    }  # fmt: skip
    assert drafts["3"].priority.name == "HIGH"
    rows = {row.draft.ref: row.item.line for row in read(text, "task_master").rows if row.draft}
    titles = [n for n, line in enumerate(text.split("\n"), start=1) if '"Same"' in line]
    assert rows["2"] == titles[1], "of two tasks of one title each has its own line"


def test_a_task_may_name_one_person_one_file_and_one_dependency() -> None:
    text = (
        "---\nid: A-2\ntitle: Two\nstatus: To Do\ndependencies: A-1\nmodified_files: a.py\nmilestone: m1\npriority: HIGH\n---\n"
    )
    text += "---\nid: A-1\ntitle: One\nstatus: To Do\nparent_task_id: a-3\n---\n---\nid: A-3\ntitle: Three\nstatus: Done\n---\n"
    result = read(text, "backlog_md")
    two, first = result.drafts
    assert (two.depends_on, two.spec, two.group, two.priority.name) == (("A-1",), {"files_to_modify": ["a.py"]}, "m1", "HIGH")
    assert (first.group, [row.item.line for row in result.rows]) == ("Three", [1, 10]) and result.plan.done_refs == {"A-3"}


def test_a_name_is_of_the_plan_first_and_nothing_waits_for_what_is_ticked_off() -> None:
    known = [
        Existing("entry_" + "a" * 20, 7, "Old", "pending", "parse"),
        Existing("entry_" + "b" * 20, 8, "Gone", "pending", "gone"),
    ]
    text = "- [x] Gone (ref: gone)\n- [ ] Parse (ref: parse)\n- [ ] Print (after: parse, gone, #7)\n"
    result = checking.check(formats.parse(text), known)
    assert result.problems == [] and result.drafts[1].depends_on == ("parse", known[0].id)
    assert result.rows[1].needs == [("parse: Parse", ""), ("#7 Old", known[0].id)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"12"', "12"), ("12", 12), ("'yes'", "yes"), ("Yes", True), ("~", None), ("1_000", "1_000"), ("1e3", "1e3"), ("!!str 12", "12"),
        ("0x10", "0x10"), ("-3", -3), ("9" * 19, "9" * 19),
    ],
)  # fmt: skip
def test_a_plain_word_of_yaml_is_what_a_person_reads(text: str, value: Any) -> None:
    assert formats.parse(f"- content: {text}\n", "yaml").items[0].value == {"content": value}


def test_depth_and_lines_of_yaml_and_json_are_bounded_and_exact() -> None:
    def deep(n: int) -> str:
        return "- content: " + "[" * n + "]" * n

    assert formats.parse(deep(28), "yaml").problems == () and "nested" in formats.parse(deep(31), "yaml").problems[0].message
    text = '{ "entries":\n [\n {"content": "A",\n "budget_usd": 0.10},\n\n {"content": "B"} , {"content": "C"}\n]}'
    items = formats.parse(text, "json").items
    assert [item.line for item in items] == [3, 6, 6] and str(items[0].value["budget_usd"]) == "0.10"
    assert "alone, not 'x'" in formats.parse('{"entries": [], "x": 1}', "json").problems[0].message


def test_a_folder_is_read_as_its_tool_keeps_it(tmp_path: Any) -> None:
    with pytest.raises(NoPlan, match=r"there is no tasks.md here"):
        sources.read(str(tmp_path))
    (tmp_path / "b.md").write_text("- [ ] B\n")
    (tmp_path / "a.md").write_text("- [ ] A\n")
    assert [file.name for file in bundle.split(sources.read(str(tmp_path)))] == [str(tmp_path / "a.md"), str(tmp_path / "b.md")]
    tasks = tmp_path / "backlog" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "back-1.md").write_text("one")
    (tasks / "notes.txt").write_text("no task")
    assert sources.read(str(tmp_path)) == "one"
    (tmp_path / "proposal.md").write_text("why")
    assert sources.read(str(tmp_path / "b.md")) == "- [ ] B\n", "only the tasks of a change go with its proposal"
    (tmp_path / "tasks.md").write_text("what")
    for name in (tmp_path, tmp_path / "tasks.md"):
        assert [file.text.strip() for file in bundle.split(sources.read(str(name)))] == ["why", "what"]
    (tmp_path / "big").write_bytes(b"x" * (1024 * 1024 + 1))
    (tmp_path / "edge").write_bytes(b"x" * (1024 * 1024))
    assert len(sources.read(str(tmp_path / "edge"))) == 1024 * 1024
    for name, why in (("big", "larger than 1 MiB"), ("none", "No such file")):
        with pytest.raises(NoPlan, match=why):
            sources.read(str(tmp_path / name))
    assert [sources.default_name(name) for name in ("a/dates.md", "tasks.md", "-", "todo.txt")] == ["dates", "", "", ""]
