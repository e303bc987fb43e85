"""The state of an agent's files says when one was changed, and what tools write beside them says nothing."""

from pathlib import Path

import pytest

from orchestration.worker.agent_run import file_state


def test_each_change_of_a_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("one")
    states = [file_state.look(tmp_path)]
    for change in (
        lambda: (tmp_path / "src/a.py").write_text("second"),
        lambda: (tmp_path / "src/new.py").write_text(""),
        lambda: (tmp_path / "src/a.py").unlink(),
    ):
        change()
        states.append(file_state.look(tmp_path))
    assert len(set(states)) == 4


def test_reading_a_file_and_running_tests_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    before = file_state.look(tmp_path)
    (tmp_path / "a.py").read_text()
    for name in (".git", "__pycache__", ".pytest_cache"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("x")
    assert file_state.look(tmp_path) == before


def test_too_many_files_and_a_missing_folder_have_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_state, "MAX_FILES", 1)
    (tmp_path / "a").write_text("")
    assert file_state.look(tmp_path) is not None
    (tmp_path / "b").symlink_to("a")
    assert file_state.look(tmp_path) is None
