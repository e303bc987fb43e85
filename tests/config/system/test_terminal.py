"""`./muster status` and its siblings: the package's commands on the server itself, with a token of this host's own."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from config.system import terminal


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A program in the place of the package's Python: it notes what it gets, and refuses a token that has ended."""
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\necho "$MUSTER_URL $MUSTER_TOKEN $*" >> {tmp_path}/calls\n[ "$MUSTER_TOKEN" != ended ] || exit 4\n'
    )
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The calls of `token create`, each of which prints a new token."""
    calls: list[list[str]] = []

    def create(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 0, f"token-{len(calls)}\n", "")

    monkeypatch.setattr(subprocess, "run", create)
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MUSTER_BASE_URL", "http://127.0.0.1:8765")
    for name in terminal.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "data").mkdir()
    return calls


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_this_server_and_a_token_of_this_host_are_used(package: str, tokens: list[list[str]], tmp_path: Path) -> None:
    assert terminal.main([package, "/", "status"]) == terminal.main([package, "/", "why", "1"]) == 0
    assert calls(tmp_path) == [
        "http://127.0.0.1:8765 token-1 -P -m muster_cli status",
        "http://127.0.0.1:8765 token-1 -P -m muster_cli why 1",
    ]
    assert len(tokens) == 1 and terminal._file().stat().st_mode & 0o777 == 0o600


def test_a_token_that_has_ended_is_replaced_once(package: str, tokens: list[list[str]], tmp_path: Path) -> None:
    terminal._file().write_text("ended")
    assert terminal.main([package, "/", "status"]) == 0
    assert [line.split()[1] for line in calls(tmp_path)] == ["ended", "token-1"]


@pytest.mark.parametrize("chosen", [{"MUSTER_URL": "https://elsewhere"}, {"MUSTER_PROFILE": "work"}, {}], ids=str)
def test_who_names_another_server_gets_it(
    package: str, tokens: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str]
) -> None:
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    assert terminal.main([package, "/", *([] if chosen else ["--profile=work"]), "status"]) == 0
    assert not tokens and calls(tmp_path)[0].startswith(f"{chosen.get('MUSTER_URL', '')} ")


def test_a_command_that_a_signal_ended_has_the_usual_code(tokens: list[list[str]], tmp_path: Path) -> None:
    program = tmp_path / "killed"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    assert terminal.main([str(program), "/", "logs"]) == 137


def test_without_a_database_the_first_step_is_named(
    package: str, tokens: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = subprocess.CompletedProcess([], 1, "", "muster: the database is not prepared: start ./muster up\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: refusal)
    with pytest.raises(SystemExit, match=r"start \./muster up"):
        terminal.main([package, "/", "status"])
    assert not os.path.exists(terminal._file())
