"""The names in an entry's spec match test cases of a report."""

import pytest

from orchestration.verdicts.targets import MAX_GOALS, by_word, goals, matching, names_case, proposed

CASES = ["tests.test_time.TestDelta.test_weeks[1-a week]", "tests.test_time.TestDelta.test_weeks[2-two weeks]", "tests.test_time.test_now",
         "tests.test_number.test_now", "src/time.test.ts.shows weeks"]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("tests.test_time.test_now", 1),
        ("tests/test_time.py::test_now", 1),
        ("tests/test_time.py::TestDelta::test_weeks", 2),
        ("tests/test_time.py::TestDelta::test_weeks[1-a week]", 1),
        ("test_now", 2),
        ("test_time.test_now", 1),
        ("TestDelta", 2),
        ("tests/test_time.py", 3),
        ("tests/test_time.py::*", 3),
        ("tests.test_time.TestDelta.test_week?", 2),
        ("test_time.TestDelta.test_weeks*", 2),
        ("*weeks*", 3),
        ("now", 0),
        ("test_nothing", 0),
        ("est_now", 0),
    ],
)
def test_a_pattern_names_cases(pattern: str, count: int) -> None:
    assert len(matching(pattern, CASES)) == count


def test_a_text_names_a_case_by_its_last_part_as_a_word() -> None:
    assert names_case("drop `test_weeks`, please", "tests.TestDelta.test_weeks[1]")
    assert not names_case("drop test_weeks_old", "tests.TestDelta.test_weeks[1]")
    assert names_case("drop runs", "tests.runs") and not names_case("run it, drop run", "tests.run")


FAILED = {
    "tests.test_filesize.test_naturalsize[1]": "AttributeError: module 'humanize' has no attribute 'naturalsize'",
    "tests.test_number.test_intcomma": "AttributeError: module 'humanize' has no attribute 'intcomma'",
    "tests.test_time.test_naturaldelta": "AttributeError: module 'humanize' has no attribute 'naturaldelta'",
}


@pytest.mark.parametrize(
    ("title", "files", "cases"),
    [
        ("Implement `naturalsize`", [], ["tests.test_filesize.test_naturalsize[1]"]),
        ("Bring the number formatting back", ["src/humanize/number.py"], ["tests.test_number.test_intcomma"]),
        ("humanize: implement intcomma", [], ["tests.test_number.test_intcomma"]),  # a word of all says nothing
        ("Write a changelog", ["CHANGELOG.md"], []),
        ("Write a changelog for humanize", [], []),
        ("Make the failing tests pass", [], []),
        ("Let has_one say so", [], []),  # "has" is in the messages of all, and too short
    ],
)
def test_failing_cases_are_proposed_by_title_and_files(title: str, files: list[str], cases: list[str]) -> None:
    assert proposed(by_word(FAILED), len(FAILED), title=title, files=files) == cases


def test_many_failing_cases_become_their_files() -> None:
    assert goals(FAILED) == sorted(FAILED)
    few = [f"tests.test_{n}" for n in range(MAX_GOALS)]
    assert goals(few) == sorted(few)
    many = [f"tests.test_{n % 3}.test_{n}" for n in range(MAX_GOALS + 1)]
    assert goals(many) == ["tests.test_0", "tests.test_1", "tests.test_2"]
    assert len(goals([f"tests.test_{n}.test_it" for n in range(MAX_GOALS + 1)])) == MAX_GOALS
