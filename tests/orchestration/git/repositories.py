"""Small real repositories for the tests, made by plain git and not by the code under test."""

import os
import subprocess
from pathlib import Path

OPTIONS = [
    "user.name=A Person",
    "user.email=person@example.org",
    "core.hooksPath=/dev/null",
    "commit.gpgsign=false",
    "merge.ff=true",
]


def git(place: Path, *command: str) -> str:
    code, answer, errors = try_git(place, *command)
    assert code == 0, errors
    return answer.strip()


def try_git(place: Path, *command: str) -> tuple[int, str, str]:
    options = [part for option in OPTIONS for part in ("-c", option)]
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    answer = subprocess.run(["git", *options, "-C", place, *command], capture_output=True, text=True, env=surroundings)
    return answer.returncode, answer.stdout, answer.stderr


def a_repository(path: Path, **files: str) -> Path:
    """On branch `main`, with these files (`a__b` stands for a/b) in one commit."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    for name, text in (files or {"one": "1\n", "two": "2\n"}).items():
        write(path / name.replace("__", "/"), text)
    git(path, "add", "-A")
    git(path, "commit", "--quiet", "-m", "start")
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def everything(repo: Path) -> tuple[str, str, str]:
    """What the user sees of their own working copy; it must never change under them."""
    return git(repo, "rev-parse", "HEAD"), git(repo, "symbolic-ref", "HEAD"), git(repo, "status", "--porcelain")
