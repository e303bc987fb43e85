"""The git command line: its bounds, its environment, and what becomes of a git that hangs."""

import os
import time
from pathlib import Path

import pytest

from orchestration.git import command
from orchestration.git.command import GitError
from orchestration.processes.shim import procfs
from tests.faults.harness import until
from tests.orchestration.git.repositories import a_repository, git


def test_the_start_of_an_output_is_whole_up_to_its_limit(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo", one="12345")
    show = ("cat-file", "blob", "HEAD:one")
    assert [command.read_start_bytes(repo, *show, limit_bytes=limit) for limit in (4, 5, 6)] == [
        (b"1234", False),
        (b"12345", True),
        (b"12345", True),
    ]
    with pytest.raises(GitError, match="not exist"):
        command.read_start(repo, "cat-file", "blob", "HEAD:none", limit_bytes=5)


def test_a_git_that_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    alias = f"alias.hang=!echo $$ > {tmp_path}/pid; exec sleep 600"
    git(repo, "config", *alias.split("=", 1))
    began = time.monotonic()
    with pytest.raises(GitError, match=r"git hang took longer than 1 s and was ended"):
        command.run(repo, "hang", timeout_s=1)
    assert time.monotonic() - began < 60
    pid = int((tmp_path / "pid").read_text())
    until(lambda: procfs.read_process(pid) is None, 20)


def test_the_marks_of_a_block_end_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    plain = command.environment()
    with command.on_behalf_of("sess_1"), command.reading_only():
        inside = command.environment()
    assert command.environment() == plain and "GIT_DIR" not in plain
    added = {name: value for name, value in inside.items() if name not in plain}
    assert added == {
        procfs.GIT_VARIABLE: "sess_1",
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }


def test_a_git_that_cannot_be_started_is_an_error_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(GitError, match="git could not be started"):
        command.run(tmp_path, "version")


def test_what_a_server_repeats_of_a_password_is_masked_in_its_output_and_its_errors(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    git(repo, "config", "remote.origin.pushurl", "https://ana:password-of-ana@git.example/a.git")
    masked = command._masked(repo, ["push"], {}, 3, "password-of-ana", "by password-of-ana")
    assert masked == (3, "[secret of the repository]", "by [secret of the repository]")
