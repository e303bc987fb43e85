"""`./muster check` names a folder that is too full, a package in a circle with its own folder, a function that is too long, and names with banned words."""

from pathlib import Path

import pytest

from tests import figures

FILES = {
    "budget/__init__.py": "",
    "budget/limits/__init__.py": "",
    "budget/limits/parts/__init__.py": "",
    "budget/limits/check.py": "from budget.limits.parts import one\n",
    "budget/limits/parts/one.py": "",
}
CIRCLE = "budget.limits.parts and the modules of the package around it import each other"


@pytest.mark.parametrize(
    ("change", "excesses"),
    [
        ({}, []),
        ({"budget/limits/parts/one.py": "from budget.limits import other\n", "budget/limits/other.py": ""}, [CIRCLE]),
        ({f"budget/m{n}.py": "" for n in range(14)}, []),
        ({f"budget/m{n}.py": "" for n in range(15)}, ["budget has 15 modules: at most 14"]),
        ({"budget/long.py": "def f():\n" + "    f()\n" * 46}, []),
        ({"budget/long.py": "def f():\n" + "    f()\n" * 47}, ["budget/long.py:f has 48 lines: at most 47"]),
    ],
)
def test_each_excess_is_named(tmp_path: Path, change: dict[str, str], excesses: list[str]) -> None:
    for name, text in (FILES | change).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert list(figures.excesses(tmp_path)) == excesses


def test_a_name_with_a_banned_word_is_listed_with_its_place_and_its_remedy(tmp_path: Path) -> None:
    for name, text in {
        "budget/rows.py": "rows = 1\nfound = 2\n",
        "tests/test_a.py": "def test_who_told() -> None: ...\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    assert list(figures.banned_names(tmp_path)) == [
        "budget/rows.py:2: rename found. Instead of 'found' use: the noun: entries, rows, match (tests/words.py)",
        "tests/test_a.py:1: rename test_who_told. Instead of 'told' use: recorded, reported, or the noun (tests/words.py)",
    ]
