"""The demo's repository: tally, a small, unfinished bookkeeping program, with tests for the missing parts."""

import shutil
from pathlib import Path

from orchestration.git import command as git

START = Path(__file__).with_name("stages") / "start"
# Fixed, so that the demo has the same history everywhere.
COMMITS = (
    ("2024-01-08T09:00:00+0000", "Tally reads a journal and reports balances", ["README.md", ".gitignore", "tally"]),
    ("2024-01-09T09:00:00+0000", "Tests for what is missing", ["check.py", "tests"]),
)


def make_repository(path: Path) -> None:
    """Create it at this path, with `main` checked out; an existing path stays unchanged."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Created next to the path and moved, so that a crash leaves no incomplete repository.
    aside = path.parent / f".{path.name}.new"
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(START, aside, ignore=shutil.ignore_patterns("__pycache__"))
    git.run(aside, "init", "--quiet", "--initial-branch=main")
    for date, message, paths in COMMITS:
        git.run(aside, "add", *paths)
        git.run(aside, "commit", "--quiet", "--no-verify", f"--date={date}", "-m", message)
    aside.rename(path)
