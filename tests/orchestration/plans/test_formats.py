"""Plans: the formats, problems with their lines, and a reader that no text breaks."""

import json
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.plans import checking, formats, names, samples
from orchestration.plans.checking import Checked
from orchestration.plans.names import Existing
from orchestration.plans.readers.shared.items import Problem

THREE = Existing("entry_" + "a" * 20, 3, "The third", "pending")


def checked(text: str, format: str = "") -> Checked:
    return checking.check(formats.parse(text, format), [THREE])


def problems(text: str, format: str = "") -> list[tuple[int, str]]:
    return [(problem.line, problem.message) for problem in checked(text, format).problems]


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_all_samples_are_the_same_plan(name: str) -> None:
    result = checked(samples.SAMPLES[name][1])
    first, second = result.drafts
    assert result.problems == [] and result.plan.format == name
    assert " ".join(first.content.split()) == 'Parse dates in words "2h 5m" must give 7500.'
    assert (first.ref, first.budget, first.priority.name) == ("parse", 2_000_000, "HIGH")
    assert first.spec == {"files_to_modify": ["shop/dates.py"], "acceptance_criteria": ["Minutes and hours are understood"]}
    assert second.depends_on == ("parse",) and second.spec == {"files_to_modify": ["shop/importer.py"]}


def test_a_checklist_keeps_paragraphs_fences_and_nested_points() -> None:
    text = "# Plan\nwhy we do it\n- [ ] One (ref: one)\n  It must be `fast`.\n\n  ```\n  - [ ] not an entry\n  ```\n  - is fast\n    on every file\n  - [ ] is tested\n  - [x] is planned\n\n## Then\n* [ ] Two (after: one, #3; files: a.py, b/)\n  alone: yes\n"
    first, two = checked(text).drafts
    assert first.content == "One\n\nIt must be `fast`.\n\n```\n- [ ] not an entry\n```"
    assert first.spec["acceptance_criteria"] == ["is fast on every file", "is tested"]
    assert two.depends_on == ("one", THREE.id) and two.spec["files_to_modify"] == ["a.py", "b/"] and not two.parallelizable
    assert formats.parse(text).skipped == (Problem(12, "is planned is ticked off"),)


def test_a_fence_that_is_not_below_a_task_ends_it_as_prose_does() -> None:
    text = "- [ ] One\n\n```\nmake all\n```\n  - of nobody\n- [ ] Two\n  ```\n  make\n  ```\n  - of two"
    first, second = checked(text).drafts
    assert (first.content, first.spec) == ("One", {})
    assert (second.content, second.spec) == ("Two\n\n```\nmake\n```", {"acceptance_criteria": ["of two"]})


def test_a_long_first_heading_names_the_plan_and_no_group() -> None:
    result = checked(f"# {'plan ' * 60}\n- [ ] One\n## Then\n- [ ] Two")
    assert result.plan.name == f"{'plan ' * 60}"[:200]
    assert [draft.group for draft in result.drafts] == ["", "Then"]


def test_dependencies_have_several_keywords() -> None:
    text = "- [ ] One (ref: one)\n- [ ] Two (depends on: one)\n- [ ] Three\n  depends_on: one\n- [ ] Four\n  - Waits for: one\n- [ ] Five\n  requires: one"
    assert [draft.depends_on for draft in checked(text).drafts] == [(), ("one",), ("one",), ("one",), ("one",)]


def test_ambiguous_text_is_reported_with_its_line() -> None:
    text = "note: of the list\n- [ ] One (after: #3) of two\n  bugdet: $3\n  - Aftr: #3\n  - Note: is kept\nfiles: a.py\n\nAfter: all"
    result = checked(text)
    assert [(doubt.line, doubt.message.split(" was ")[0]) for doubt in result.plan.doubts] == [
        (2, "(after: #3)"),
        (3, "'bugdet: $3'"),
        (4, "'Aftr: #3'"),
        (6, "'files: a.py' belongs to no entry and"),
        (8, "'After: all' belongs to no entry and"),
    ]
    assert result.problems == [] and result.drafts[0].spec["acceptance_criteria"] == ["Aftr: #3", "Note: is kept"]


def test_no_entry_waits_for_a_ticked_one() -> None:
    result = checked("- [x] Choose (ref: choose)\n- [ ] Build (after: choose)\n- [ ] Ship (after: nothing-like-it)")
    assert result.plan.skipped[0] == Problem(1, "Choose is ticked off")
    assert result.drafts[0].depends_on == () and [problem.line for problem in result.problems] == [3]


def test_brackets_without_a_known_key_stay_in_the_title() -> None:
    assert checked("- [ ] Mend it (see below)").drafts[0].content == "Mend it (see below)"


def test_numbers_of_the_backlog_are_resolved() -> None:
    result = checked("- content: A\n  depends_on: [3, '#3']\n- content: B\n  depends_on: ['#99']")
    assert result.drafts[0].depends_on == (THREE.id,) and result.rows[0].needs == [("#3 The third", THREE.id)]
    assert result.problems == [Problem(4, "There is no entry #99 on the backlog")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- content: A\n  content: B", 2, "there twice"),
        ("a: [1]\nb: 2", 1, "not 'a'"),
        ("- &a {content: A}\n- *a", 2, "Aliases"),
        ("- !!python/object/apply:os.system [x]", 1, "Tags"),
        ("---\n- content: A\n---\n- content: B", 3, "one document"),
        ("- content: A\n  budget_usd: -1", 2, "0 or more"),
        ("- content: A\n  budget_usd: two", 2, "must be a number"),
        ("- content: A\n\n- colour: red", 3, "content is missing"),
        ("- content: A\n  spec: {files_to_modify: [../x]}", 2, "../x"),
        ("- content: A\n  depends_on: [b]\n  ref: a\n- content: B\n  ref: b\n  depends_on: [a]", 2, "wait for each other"),
        ("- content: A\n  ref: parse\n- content: B\n  depends_on: [prase]", 4, "Is it 'parse'?"),
        ("- content: A\n  ref: a\n- content: B\n  ref: a", 4, "used twice, first on line 1"),
        ('[{"content": "A"},\n {"content": 1}]', 2, "content"),
        ('[{"content": "A"},\n {"content": }]', 2, "not JSON"),
        ('{"entries": [], "x": 1}', 1, "alone"),
        ("- [ ] A\n  budget: two dollars", 2, "not an amount"),
        ("- [ ] A\n  rounds: many", 2, "number of rounds"),
        ("just words", 1, "list of entries"),
        ("- just words", 1, "properties"),
        ("- [ ] A\n- [ ] B\x00", 2, "NUL"),
        ("- [ ] A\n- [ ] B\ud800", 2, "half a character"),
        ("", 0, "no entries"),
    ],
)
def test_problems_are_reported_with_their_line(text: str, line: int, words: str) -> None:
    result = problems(text)
    assert any(number == line and words in message for number, message in result), result


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, "- " * 100_000, "{a: " * 50_000])
@pytest.mark.parametrize("format", ["json", "yaml"])
def test_depth_without_end_is_refused(text: str, format: str) -> None:
    assert problems(text, format)


def test_a_billion_laughs_stay_one() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*a, *a, *a]\n" for n in "bcdefgh")
    assert "Aliases" in problems(bomb)[0][1]


def test_size_and_number_are_bounded() -> None:
    assert problems("x" * (1024 * 1024 + 1)) == [(0, "The plan is larger than 1 MiB")]
    assert problems("- [ ] A\n" * 501) == [(501, "At most 500 entries at once: these are 501")]


def test_yaml_has_none_of_its_surprises() -> None:
    item = formats.parse("- content: 2026-11-25\n  parallel_group: 12:30\n  parallelizable: no\n  budget_usd: 0.1").items[0]
    expected = {"content": "2026-11-25", "parallel_group": "12:30", "parallelizable": False, "budget_usd": Decimal("0.1")}
    assert item.value == expected


@given(st.text(max_size=400), st.sampled_from(["", *formats.titles()]))
def test_no_text_breaks_the_reader(text: str, format: str) -> None:
    result = checked(text, format)
    assert result.problems or result.drafts


PIECES = [
    "---", "id: A-1", "title: x", "status: To Do", "dependencies: [A-1, b]", "<!-- file: tasks.md -->", "<!-- file: a/proposal.md -->", "# Tasks: x", "## 1. A", "## Why",
    "- [ ] 1.1 a", "- [x] 1.2 b", "- [ ] T001 [P] a in src/a.py", "- [ ] T002 b (depends on T001-T900)", "- [x] T003", "  - c", "- [ ] TXXX", '{"id": "a", "title": "b"}',
    '{"id": "a-1", "title": "b", "issue_type": "epic", "dependencies": [{"depends_on_id": "a-1", "type": "parent-child"}, 1]}', '{"tasks": [{"id": 1, "title": "x"}]}',
    '{"m": {"tasks": [{"id": {}, "title": "x", "subtasks": [{"id": 1, "title": "y", "dependencies": [null, 1.5, "1"]}]}]}}', "[", "]", "", "text",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from(["", *formats.titles()]))
def test_no_pieces_of_the_tools_break_their_readers(lines: list[str], format: str) -> None:
    result = checked("\n".join(lines), format)
    assert result.problems or result.drafts


@given(
    st.lists(st.sampled_from(["- [ ] A", "  - b", "- [x] C (ref: c)", "  after: c", "", "text", "    deep", "```", "\t- [ ] d"]))
)
def test_every_open_box_of_the_outermost_level_is_an_entry(lines: list[str]) -> None:
    result = formats.parse("\n".join(lines), "markdown")
    if "```" not in lines and "\t- [ ] d" not in lines:
        assert len(result.items) == lines.count("- [ ] A")
    assert all(item.line <= len(lines) for item in result.items)


@pytest.mark.parametrize(
    "title", ["x" + " " * 400_000 + "y", "x" + "(ref: a)" * 60_000, "x" + "(after: a)" * 60_000, "(" * 500_000]
)
def test_a_long_line_of_a_checklist_is_read_at_once(title: str) -> None:
    began = time.process_time()
    formats.parse(f"- [ ] {title}", "markdown")
    assert time.process_time() - began < 3


def test_many_wrong_names_are_not_each_compared_with_every_ref(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [
        {"content": "x", "ref": f"{'r' * 50}{n}", "depends_on": [f"{'r' * 50}q{n}-{m}" for m in range(9)]} for n in range(500)
    ]
    guesses: list[str] = []

    def guess(name: str, *_: object, **__: object) -> list[str]:
        guesses.append(name)
        return []

    monkeypatch.setattr(names.difflib, "get_close_matches", guess)
    assert len(problems(json.dumps(plan))) == 4500
    assert len(guesses) == names.MAX_GUESSES
