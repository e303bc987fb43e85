"""The installed CLIs and their versions: queried in parallel, with a timeout."""

import time
from pathlib import Path

import pytest

from orchestration.worker.agents.shared import cli_versions


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path with a shell and the test's own programs only."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MUSTER_SECRET_KEY", "not for them")
    return tmp_path


def put(path: Path, name: str, script: str) -> None:
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(0o755)


def test_it_lists_the_installed_clis(path: Path) -> None:
    put(path, "claude", 'echo "2.1.197 (Claude Code)"')
    put(path, "aider", "echo aider 0.86.2")
    put(path, "mini", '[ "$1" = --help ] && echo "This is mini-swe-agent version 2.4.6." >&2')
    put(path, "gemini", "echo 0.61.0-nightly.20261101; exit 3")
    assert cli_versions.installed() == {
        "claude_code": "2.1.197",
        "aider": "0.86.2",
        "mini_swe_agent": "2.4.6",
        "gemini": "0.61.0-nightly.20261101",
    }


def test_a_cli_without_a_version_is_listed_as_unknown(path: Path) -> None:
    put(path, "codex", "exit 0")
    (path / "qwen").write_text("not a program")
    assert cli_versions.installed() == {"codex": "?"}


@pytest.mark.alone
def test_they_are_queried_in_parallel_and_with_a_timeout(path: Path) -> None:
    for name in ("claude", "codex", "opencode", "gemini"):
        put(path, name, "/bin/sleep 30 & wait")
    began = time.monotonic()
    assert cli_versions.installed(within_s=0.3) == dict.fromkeys(("claude_code", "codex", "opencode", "gemini"), "?")
    assert time.monotonic() - began < 2


def test_they_get_none_of_the_servers_secrets(path: Path) -> None:
    put(path, "claude", 'echo "1.0.$(/usr/bin/env | /bin/grep -c MUSTER_)"')
    assert cli_versions.installed() == {"claude_code": "1.0.0"}
