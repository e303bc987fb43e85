"""A checklist line by line: which box is an entry, what belongs to it, and what is said of the rest."""

from decimal import Decimal
from typing import Any

import pytest

from orchestration.plans import checking, formats
from orchestration.plans.readers.shared import blocks, settings, texts
from orchestration.plans.readers.shared.items import Plan, Problem
from tests.orchestration.plans.readers.reading import messages


def parsed(text: str) -> Plan:
    return formats.parse(text, "markdown")


def contents(text: str) -> list[str]:
    return [item.value["content"] for item in parsed(text).items]


def test_a_box_is_an_entry_of_the_outermost_list_under_its_headings() -> None:
    text = (
        "# Plan\n> - [ ] quoted\n\n- not a box\n  - [ ] First\n  - [ ] Second\n    - [ ] criterion\n\n## A\n\n### A1\n- [X] Done\n- [ ] Third\n"
        "\n## B\n1. [ ] Fourth\n\t- tabbed\n- plain\n    - [ ] deeper\n"
    )
    plan = parsed(text)
    assert [(item.value["content"], item.headings, item.line) for item in plan.items] == [
        ("First", (), 5), ("Second", (), 6), ("Third", ("A", "A1"), 13), ("Fourth", ("B",), 16),
    ]  # fmt: skip
    left_out = "'deeper' is a box below a point that has none, and was left out: put it beside the other boxes"
    assert plan.doubts == (Problem(19, left_out),)
    assert plan.name == "Plan" and plan.skipped == (Problem(12, "Done is ticked off"),)
    assert [item.value.get("spec") for item in plan.items] == [
        None, {"acceptance_criteria": ["criterion"]}, None, {"acceptance_criteria": ["tabbed"]},
    ]  # fmt: skip


def test_the_name_is_the_only_first_heading_above_every_task() -> None:
    assert parsed("# A\n- [ ] x\n").name == "A" and parsed("- [ ] x\n# A\n- [ ] y\n").name == ""
    assert parsed("# A\n# B\n- [ ] x\n").name == "" and parsed("# A\n# B\n- [ ] x\n").items[0].headings == ("B",)
    assert parsed("## A\n- [ ] x\n").name == ""


def test_what_is_below_a_task_is_its_text_its_criteria_or_a_setting() -> None:
    text = (
        "- [ ] One (files: a.py; priority: High) (ref: `one`)\n  Text.\n    indented\n  - works\n    on all\n  - files: b.py, ``, c.py\n"
        "  tests: t.py::a\n  - [x] planned\n  budget: 2.50 USD\n  rounds: 3\n\nProse after\n- [ ] Two (alone: false; group: db; runs on: gpu)\n"
    )
    first, second = parsed(text).items
    assert first.value == {
        "ref": "one",
        "priority": "high",
        "budget_usd": Decimal("2.50"),
        "budget_rounds": 3,
        "content": "One\n\nText.\n  indented",
        "spec": {"files_to_modify": ["a.py", "b.py", "c.py"], "tests": ["t.py::a"], "acceptance_criteria": ["works on all"]},
    }
    assert second.value == {"parallelizable": True, "parallel_group": "db", "requires": ["gpu"], "content": "Two"}
    assert (first.at("budget_usd"), first.at("priority"), first.at("spec"), first.at("content")) == (9, 1, 7, 1)
    assert [problem.line for problem in parsed(text).skipped] == [8]


def test_a_done_task_has_no_problem_no_doubt_and_no_point_that_is_ticked_off() -> None:
    text = "- [x] One (ref: one)\n  budget: two dollars\n  - [x] planned\n  bugdet: 3\n- [ ] Two (after: one)\n  - [x] begun\n"
    plan = parsed(text)
    assert plan.problems == plan.doubts == () and plan.skipped == (
        Problem(1, "One is ticked off"),
        Problem(6, "begun is ticked off"),
    )
    assert plan.done_refs == {"one"} and plan.done_paths == {"One"}
    assert parsed("- [ ] One (ref: one)\n").done_refs == frozenset()


def test_every_doubt_is_named_and_a_setting_above_the_first_task_is_prose() -> None:
    text = "files: a.py\n- [ ] One\n  bugdet: 3\n  prioriti: high\n\nfiles: b.py\n"
    assert [doubt.line for doubt in parsed(text).doubts] == [3, 4, 6]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("alone: yes", ("parallelizable", False)), ("Alone: FALSE", ("parallelizable", True)), ("alone: true", ("parallelizable", False)),
        ("budget: $0.10", ("budget_usd", Decimal("0.10"))), ("rounds: 12", ("budget_rounds", 12)), ("group: `db`", ("parallel_group", "db")),
        ("needs: a, `b`, ", ("depends_on", ["a", "b"])), ("creates: x/", ("files_to_create", ["x/"])), ("note: x", None), ("after:", None),
    ],
)  # fmt: skip
def test_a_setting_has_the_name_of_the_api(text: str, value: Any) -> None:
    assert settings.read(text) == value


@pytest.mark.parametrize("text", ["budget: a lot", "rounds: -1", "rounds: ٣", "rounds: 1234567890", "alone: maybe"])
def test_a_setting_without_its_kind_of_value_is_a_problem_with_its_line(text: str) -> None:
    assert messages(f"- [ ] One\n- [ ] Two\n  {text}\n")[0][0] == 3


@pytest.mark.parametrize(
    ("title", "start"), [("a (b)", 2), ("a (b) ", -1), ("a", -1), ("a (b) (c)", 6), ("a (b))", -1), ("f(x)", 1)]
)
def test_only_a_bracket_at_the_end_has_settings(title: str, start: int) -> None:
    assert settings.bracket(title, len(title)) == start


def test_files_in_a_sentence_are_paths_inside_the_repository() -> None:
    text = "Change src/a.py, `notes/b.rst` and src/a.py; see https://x.org/c.py, ../up/d.py, .git/e.py, a/../f.py, /etc/g.conf or h.py"
    assert texts.paths(text) == ["src/a.py", "notes/b.rst"]
    assert len(texts.paths(" ".join(f"d/f{n}.py" for n in range(60)))) == 50


def test_sections_are_of_the_second_level_with_the_line_of_the_file() -> None:
    text = "top\n<!-- two\nlines -->\n## Why\nbecause\n### Sub\nmore\n## WHAT changes\nx\n"
    below = texts.sections(text)
    assert below[""][1] == ["top", "", ""] and below["why"] == (5, ["because", "### Sub", "more"])
    assert texts.text_of(below, "what changes") == "x" and texts.text_of(below, "other") == ""
    assert texts.criteria("- [ ] a\n2) b\n\n c \n* [x] d") == ["a", "b", "c", "d"]


def test_indents_count_tabs_as_four_columns() -> None:
    assert [blocks.indent(line) for line in ("a", "  a", "\ta", "  \ta")] == [0, 2, 4, 4]
    assert blocks.dedented(["    a", "", "\t  b"]) == ["a", "", "  b"]


def test_windows_and_old_mac_line_ends_are_line_ends() -> None:
    for end in ("\r\n", "\r"):
        assert contents(f"\ufeff- [ ] One{end}  text{end}- [ ] Two{end}") == ["One\n\ntext", "Two"]


def test_five_hundred_are_not_too_many_and_the_first_beyond_is_named() -> None:
    assert len(parsed("- [ ] A\n" * 500).items) == 500
    assert parsed("- [ ] A\n" * 503).problems == (Problem(501, "At most 500 entries at once: these are 503"),)


def test_a_number_of_the_backlog_is_no_truth() -> None:
    plan = formats.parse("- content: A\n  depends_on: [true, 1, '#2', x]")
    assert checking.numbers(plan) == ({1, 2}, set())
    assert any("depends_on" in problem.message for problem in checking.check(plan, []).problems)
