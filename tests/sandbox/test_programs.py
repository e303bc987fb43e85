"""The programs of a workspace's commands are shown where people install them, and nothing more."""

import os
from pathlib import Path

import pytest

from orchestration.processes.programs import Finder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def a_program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def an_environment(path: Path, base: Path) -> Path:
    """A Python environment whose interpreter lies elsewhere."""
    a_program(base / "bin/python3.11")
    (base / "lib").mkdir(exist_ok=True)
    (path / "bin").mkdir(parents=True)
    (path / "bin/python").symlink_to(base / "bin/python3.11")
    (path / "pyvenv.cfg").write_text(f"home = {base}/bin\nversion = 3.11\n")
    return path


def shown(home: Path, *commands: str, search: str = "/usr/bin") -> set[str]:
    return {os.path.relpath(path, home) for path in Finder(str(home), search).of_commands(commands)}


def test_a_script_is_shown_and_the_folder_around_it_is_not(home: Path) -> None:
    a_program(home / "agents/mine.py", "print(1)\n")
    assert shown(home, "python3 ~/agents/mine.py --fast") == {"agents/mine.py"}


def test_an_environment_comes_with_the_interpreter_that_its_settings_name(home: Path) -> None:
    an_environment(home / "venv", home / "pythons/3.11")
    assert {"venv", "pythons/3.11"} <= shown(home, "~/venv/bin/python -m agent")


def test_a_node_program_comes_with_its_modules_and_its_node(home: Path) -> None:
    node = home / ".nvm/versions/node/v22"
    a_program(node / "bin/node")
    a_program(node / "lib/node_modules/a-cli/cli.js", "#!/usr/bin/env node\n")
    (node / "bin/a-cli").symlink_to("../lib/node_modules/a-cli/cli.js")
    assert ".nvm/versions/node/v22" in shown(home, "a-cli run", search=f"{node}/bin:/usr/bin")


def test_a_link_in_a_home_folder_of_programs_leads_to_one_tool_only(home: Path) -> None:
    an_environment(home / ".local/share/uv/tools/aider", home / "pythons/3.12")
    a_program(home / ".local/share/uv/tools/aider/bin/aider", f"#!{home}/.local/share/uv/tools/aider/bin/python\n")
    (home / ".local/bin").mkdir(parents=True)
    (home / ".local/bin/aider").symlink_to(home / ".local/share/uv/tools/aider/bin/aider")
    places = shown(home, "aider", search=f"{home}/.local/bin:/usr/bin")
    assert {".local/share/uv/tools/aider", "pythons/3.12"} <= places
    assert not places & {".", ".local", ".local/share", ".local/share/uv"}


def test_path_shows_a_manager_of_versions_whole_and_of_cargo_the_programs_alone(home: Path) -> None:
    for name in (".pyenv/libexec", ".pyenv/shims", ".cargo/bin", ".rustup", "bin"):
        (home / name).mkdir(parents=True)
    (home / ".cargo/credentials.toml").write_text("token")
    finder = Finder(str(home), f"{home}/.pyenv/shims:{home}/.cargo/bin:{home}/bin:/usr/bin")
    assert {os.path.relpath(path, home) for path in finder.of_path()} == {".pyenv", ".cargo/bin", ".rustup", "bin"}


def test_a_folder_of_path_that_may_not_be_listed_stops_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "bin").mkdir()

    def refuse(_: Path) -> None:
        raise PermissionError("not yours")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert Finder(str(home), f"{home}/bin:{home}/gone").of_path() == {home / "bin"}


@pytest.mark.parametrize(
    "command", ["ls ~/", "cat /etc/../root", "ls / /home /etc /usr/bin", "echo ~", "cat ~/missing", "x\0y", "'"]
)
def test_a_whole_home_or_system_is_never_shown_for_a_command(home: Path, command: str) -> None:
    assert shown(home, command) == set()


def test_the_value_of_an_option_counts_as_named(home: Path) -> None:
    (home / "settings.toml").write_text("")
    assert shown(home, f"agent --config={home}/settings.toml") == {"settings.toml"}


def test_a_list_of_arguments_is_read_as_it_is(home: Path) -> None:
    (home / "my data").mkdir()
    assert {os.path.relpath(path, home) for path in Finder(str(home), "").of_commands([["agent", f"{home}/my data"]])} == {
        "my data"
    }
