"""The data directory is for its owner alone, also when it was there before."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.system import sockets


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_a_new_data_directory_is_private(tmp_path: Path) -> None:
    assert sockets.keep_private(tmp_path / "a/data") == "" and mode(tmp_path / "a/data") == 0o700


def test_one_that_was_open_to_others_is_closed_with_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert sockets.keep_private(tmp_path) == f"{tmp_path} was open to other users (0755): only its owner can read it now (0700)"
    assert mode(tmp_path) == 0o700 and sockets.keep_private(tmp_path) == ""


def test_one_that_cannot_be_closed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o750)
    monkeypatch.setattr(Path, "chmod", refuse)
    assert "cannot be closed (Operation not permitted)" in sockets.keep_private(tmp_path)


@pytest.mark.parametrize(
    "command", [["-m", "config.web", "--help"], ["-m", "manage", "help", "token"], ["-c", "import config.celery"]]
)
def test_every_process_closes_it(tmp_path: Path, command: list[str]) -> None:
    tmp_path.chmod(0o755)
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env={"MUSTER_DATA_DIR": str(tmp_path), "PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0 and "was open to other users (0755)" in done.stderr and mode(tmp_path) == 0o700
