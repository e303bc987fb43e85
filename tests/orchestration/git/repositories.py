"""Small real repositories for the tests, created by plain git and not by the code under test."""

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


def git(folder: Path, *command: str) -> str:
    exit_code, result, errors = try_git(folder, *command)
    assert exit_code == 0, errors
    return result.strip()


def try_git(folder: Path, *command: str) -> tuple[int, str, str]:
    options = [part for option in OPTIONS for part in ("-c", option)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    result = subprocess.run(["git", *options, "-C", folder, *command], capture_output=True, text=True, env=environment)
    return result.returncode, result.stdout, result.stderr


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


def user_state(repo: Path) -> tuple[str, str, str]:
    """The user's view of their own working copy, which must never change."""
    return git(repo, "rev-parse", "HEAD"), git(repo, "symbolic-ref", "HEAD"), git(repo, "status", "--porcelain")
