"""The recipe of CONTRIBUTING.md for a spend category, followed in a copy of the repository: three places are enough."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from budget.categories import CATEGORIES, STEERING, TRAITS, Category, Scope, SqlParts

ROOT = Path(settings.BASE_DIR)
COPIED = ("requirements", "config", "workspaces", "budget", "orchestration", "dashboard", "templates", "static", "tests")


def test_every_category_has_its_scope_and_its_traits() -> None:
    assert Scope.values == ["total", *Category.values] == list(TRAITS)


def test_every_category_but_that_of_entries_may_steer() -> None:
    assert "entry" not in STEERING and {"orchestrator", "expansion", "interceptor"} <= set(STEERING)


def test_sql_names_every_category() -> None:
    parts, last = SqlParts([*CATEGORIES, "rehearsal"]), CATEGORIES[-1]
    assert parts.total("p").endswith(f" + p.{last}_spent + p.rehearsal_spent")
    assert parts.spent("l.category", "p").endswith(f"WHEN '{last}' THEN p.{last}_spent ELSE p.rehearsal_spent END")
    assert {"'expansion'", "'orchestrator'", "'rehearsal'"} <= set(parts.of_no_account().split(", "))
    assert "'entry'" not in parts.of_no_account() and "rehearsal_spent + CASE" in parts.add_of_no_account()
    assert "NEW.rehearsal_spent IS NOT OLD.rehearsal_spent" in parts.changed("IS", "NOT") and "rehearsal_spent" in parts.columns()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_recipe_adds_a_category(tmp_path: Path) -> None:
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("images", "transcripts"))  # with its bytecode
    for name in ("VERSION", "manage.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    follow(tmp_path)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "MUSTER_", "DJANGO_"))}
    for command in (
        ["manage.py", "makemigrations", "--check"],
        ["-m", "pytest", "-p", "no:xdist", "-o", "addopts=", "tests/budget/new_category.py"],
    ):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=580, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def follow(copy: Path) -> None:
    module = copy / "budget/categories.py"
    text, last = module.read_text(), Category(CATEGORIES[-1])
    for start, end, added in (
        (f"    {last.name} = ", "\n", '    REHEARSAL = "rehearsal"\n'),
        (f"    {last.name} = Category", "\n", "    REHEARSAL = Category.REHEARSAL.value\n"),
        ("TRAITS: ", "\n}", '\n    Category.REHEARSAL.value: Traits("Rehearsal", _CHARGES),'),
    ):
        at = text.index(end, text.index(start)) + (end == "\n")
        text = text[:at] + added + text[at:]
    module.write_text(text)
    newest = max(file.stem for file in (copy / "budget/migrations").glob("[0-9]*.py"))
    number = int(re.match(r"[0-9]+", newest)[0]) + 1  # type: ignore[index]
    (copy / f"budget/migrations/{number:04}_rehearsal.py").write_text(
        "from django.db import migrations\n\nfrom budget import category_columns\n\n\n"
        "class Migration(migrations.Migration):\n"
        f'    dependencies = [("budget", "{newest}")]\n    operations = category_columns.add("rehearsal")\n'
    )
