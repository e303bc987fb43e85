"""How the names in an entry's spec find test cases of a report."""

import pytest

from orchestration.verdicts.targets import matching, names_case

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
