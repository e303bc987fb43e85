"""The sample that `./muster test` takes."""

import random

from tests.plugins.quick import folders_of, selected

FILES = [(f"tests/{folder}/test_{n}.py", [f"{folder}{n}.{test}" for test in range(30)]) for folder in "ab" for n in range(3)]


def test_every_file_has_a_share_in_it_and_a_changed_folder_comes_first_and_whole() -> None:
    tests = selected(FILES, {"tests/b"}, random.Random(1))
    assert tests[:90] == [test for name, ours in FILES if name.startswith("tests/b") for test in ours]
    assert sorted(test.partition(".")[0] for test in tests[90:]) == ["a0"] * 3 + ["a1"] * 3 + ["a2"] * 3


def test_a_seed_chooses_it() -> None:
    assert selected(FILES, set(), random.Random(1)) == selected(FILES, set(), random.Random(1))
    assert selected(FILES, set(), random.Random(1)) != selected(FILES, set(), random.Random(2))


def test_a_module_is_tested_in_the_folder_of_its_name() -> None:
    assert folders_of(["budget/ledger/prices.py", "tests/races/test_money.py", "README.md", "muster", "manage.py"]) == {
        "tests/budget/ledger",
        "tests/races",
    }
