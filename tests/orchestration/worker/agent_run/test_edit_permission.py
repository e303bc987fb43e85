"""An agent may change files that its entry has locked, and free files, which are then locked; no others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from orchestration.backlog.files import locks
from orchestration.models import Entry, FileLock
from orchestration.worker.agent_run import edit_permission
from tests.factories import a_workspace, an_entry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def entry() -> Entry:
    return an_entry(a_workspace())


@pytest.fixture
def may(entry: Entry, tmp_path: Path) -> Callable[..., str]:
    """`may("src/a.py")` asks for an edit of a file in a worktree."""
    tree, home = tmp_path / "tree", tmp_path / "home"
    tree.mkdir()
    home.mkdir()

    def ask(path: str, *, tool: str = "Write", role: Any = "implement") -> str:
        key = "notebook_path" if tool == "NotebookEdit" else "file_path"
        return edit_permission.permission_check(entry, role, cwd=tree, home=home)(tool, {key: path})

    return ask


def locked(entry: Entry) -> list[str]:
    return sorted(FileLock.objects.filter(entry=entry).values_list("path", flat=True))


def test_locked_files_may_be_changed(entry: Entry, may: Callable[..., str], tmp_path: Path) -> None:
    locks.extend(entry, ["src/"])
    assert may(str(tmp_path / "tree/src/deep/a.py")) == may("src/b.py", tool="Edit") == ""
    assert locked(entry) == ["src/"]


@pytest.mark.parametrize("tool", ["Edit", "Write", "MultiEdit", "NotebookEdit"])
def test_a_free_file_is_locked_and_may_be_changed(entry: Entry, may: Callable[..., str], tool: str) -> None:
    assert may("./free//a.py", tool=tool) == ""
    assert locked(entry) == ["free/a.py"]


def test_a_file_locked_by_another_entry_is_refused_with_its_name(entry: Entry, may: Callable[..., str]) -> None:
    other = an_entry(entry.workspace, content="The other one")
    locks.extend(other, ["src/"])
    reason = may("src/a.py")
    assert reason.startswith(f"files_locked: src belongs to #{other.seq} The other one ({other.pk})")
    assert locked(entry) == []


def test_a_link_is_judged_by_its_target(entry: Entry, may: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "tree/inside").symlink_to("real")
    (tmp_path / "tree/outside").symlink_to("/etc")
    assert may("inside/a") == "" and locked(entry) == ["real/a"]
    assert "outside of your working directory" in may("outside/passwd")


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/a", "a/../../x"])
def test_paths_outside_the_worktree_are_refused(may: Callable[..., str], path: str) -> None:
    assert "outside of your working directory" in may(path)


def test_files_in_its_own_home_are_allowed(may: Callable[..., str], tmp_path: Path, entry: Entry) -> None:
    assert may(str(tmp_path / "home/plans/a.md")) == "" and locked(entry) == []
    for beyond in ("home2/a.md", "home/../b.md"):
        assert "outside of your working directory" in may(str(tmp_path / beyond))


@pytest.mark.parametrize("path", [".git/config", "a\nb", "x" * 2000, "nul\0", ""])
def test_invalid_paths_are_refused(may: Callable[..., str], path: str) -> None:
    assert may(path) != ""


@pytest.mark.parametrize("role", ["review", "verify", "plan", "expand", "orchestrate"])
def test_judging_agents_may_not_change_files(may: Callable[..., str], entry: Entry, role: str) -> None:
    assert "Nothing that you change is kept" in may("a.py", role=role)
    assert locked(entry) == []


def test_other_tools_are_always_allowed(may: Callable[..., str]) -> None:
    assert may("/etc/passwd", tool="Read") == ""


def test_without_a_database_it_refuses_and_suggests_a_retry(may: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise OperationalError("unavailable")

    monkeypatch.setattr(locks, "extend", fail)
    assert "try again" in may("a.py")


def test_several_threads_may_ask_at_once(may: Callable[..., str], entry: Entry) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(may, [f"f{n}.py" for n in range(8)])) == [""] * 8
    assert len(locked(entry)) == 8


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/work/7/a.py", True),
        ("a.py", True),
        ("/work/7/sub/../a.py", True),
        ("/work/8/a.py", False),
        ("/work/7/../../etc/passwd", False),
    ],
)
def test_in_a_sandbox_the_working_copy_has_another_path(entry: Entry, tmp_path: Path, path: str, allowed: bool) -> None:
    for name in ("tree", "home"):
        (tmp_path / name).mkdir()
    ask = edit_permission.permission_check(
        entry, "implement", cwd=tmp_path / "tree", home=tmp_path / "home", cwd_in_sandbox=Path("/work/7")
    )
    assert (ask("Write", {"file_path": path}) == "") == allowed
    assert locked(entry) == (["a.py"] if allowed else [])
