"""`./muster entries add`: the difference is shown, then asked about, then imported."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config.system import default_workspace
from orchestration.models import Entry
from tests.factories import a_workspace
from tests.orchestration.plans.imports import entry, rewrite
from workspaces.models import Workspace

PLAN = "# Dates\n\n- [ ] Parse (ref: parse)\n- [ ] Print (after: parse)\n"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "dates.md"
    path.write_text(PLAN)
    return path


def run(*words: Any) -> str:
    out = io.StringIO()
    call_command("entries", "add", *map(str, words), stdout=out, stderr=out)
    return out.getvalue()


def refused(*words: Any) -> tuple[int, str]:
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("entries", "add", *map(str, words), stdout=out, stderr=out)
    return error.value.returncode, f"{out.getvalue()}{error.value}"


def test_a_plan_is_shown_and_imported(workspace: Workspace, plan: Path) -> None:
    shown = run(plan, "--yes")
    assert (
        "Read as Markdown checklist 'Dates'." in shown and "+ parse Parse\n+ Print  waits for parse\n2 added, 0 changed." in shown
    )
    assert "Imported: 2 added, 0 changed." in shown and Entry.objects.get(content="Print").created_by == "command line"


def test_a_plan_from_stdin_can_be_looked_at_and_imported_but_not_asked_about(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused("-")[0] == 2
    for option, count in (("--dry-run", 0), ("--yes", 2)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PLAN.encode())))
        assert "+ parse Parse\n" in run("-", option)
        assert Entry.objects.count() == count


def test_a_dry_run_imports_nothing(workspace: Workspace, plan: Path) -> None:
    assert "Nothing was imported." in run(plan, "--dry-run") and not Entry.objects.exists()


def test_again_it_shows_what_changes_and_what_stays(workspace: Workspace, plan: Path) -> None:
    run(plan, "--yes")
    assert "There is nothing to import." in run(plan)
    rewrite(entry(workspace, "Print"), "Print it my way")
    plan.write_text(
        PLAN.replace("Parse (", "Parse dates (").replace("Print (after", "Print (priority: high; after") + "- [ ] More\n"
    )
    shown = run(plan, "--yes")
    assert "~ #1 Parse dates\n    text: Parse -> Parse dates\n" in shown and "+ More\n" in shown
    assert "- #2 Print it my way" not in shown and "Imported: 1 added, 2 changed." in shown
    plan.write_text("# Dates\n\n- [ ] More\n")
    assert "- #1 Parse dates: no longer in the plan; it stays on the backlog" in run(plan, "--dry-run")


@pytest.mark.parametrize(("answer", "imported"), [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_it_asks_first(workspace: Workspace, plan: Path, monkeypatch: pytest.MonkeyPatch, answer: str, imported: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    if imported:
        assert "Import into Shop? [y/N]" in run(plan)
    else:
        assert refused(plan)[0] == 1
    assert Entry.objects.exists() == imported


def test_problems_have_their_place_and_exit_with_one(workspace: Workspace, plan: Path, tmp_path: Path) -> None:
    plan.write_text("- [ ] A (after: nothing)\n- [ ] B\n  budget: lots\n")
    code, shown = refused(plan, "--yes")
    assert code == 1 and "1: There is no ref 'nothing'" in shown and "3: 'lots' is not an amount" in shown
    change = tmp_path / "changes" / "add-x"
    change.mkdir(parents=True)
    (change / "proposal.md").write_text("## Why\n\nIt is missing.\n\n## What Changes\n\nIt is there.\n")
    (change / "tasks.md").write_text("## 1. Do\n- [ ] 1.1 Write it\n  budget: lots\n")
    assert "add-x/tasks.md:3: 'lots' is not an amount" in refused(change, "--yes")[1]


def test_folders_of_tools_are_read(workspace: Workspace, tmp_path: Path) -> None:
    tasks = tmp_path / "backlog" / "tasks"
    tasks.mkdir(parents=True)
    for n in (1, 2):
        (tasks / f"back-{n} - Task.md").write_text(f"---\nid: BACK-{n}\ntitle: Task {n}\nstatus: To Do\n---\n")
    assert "Imported: 2 added" in run(tmp_path, "--yes")
    change = tmp_path / "changes" / "add-x"
    change.mkdir(parents=True)
    (change / "proposal.md").write_text("## Why\n\nIt is missing.\n")
    (change / "tasks.md").write_text("## 1. Do\n- [ ] 1.1 Write it\n")
    assert "Read as OpenSpec change 'add-x'." in run(change / "tasks.md", "--yes")
    assert entry(workspace, "Write it").spec["requirements"].startswith("This is a part of the change add-x.")


def test_stdin_is_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PLAN.encode())))
    assert "Imported: 2 added" in run("-", "--yes")
    assert refused("-")[0] == 2


def test_wrong_arguments_exit_with_two(workspace: Workspace, plan: Path, tmp_path: Path) -> None:
    assert refused(tmp_path / "none.md", "--yes") == (2, f"{tmp_path / 'none.md'}: No such file or directory")
    assert refused(plan, "--workspace", "ws_x")[0] == 2
    binary = tmp_path / "x.md"
    binary.write_bytes(b"\xff")
    assert "not UTF-8" in refused(binary, "--yes")[1]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "there is no tasks.md here" in refused(empty, "--yes")[1]
    a_workspace(name="Other")
    assert "more than one workspace" in refused(plan, "--yes")[1]


def test_the_workspace_is_that_of_the_folder_else_the_default_else_the_only_real_one(
    workspace: Workspace, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))
    settings.DATA_DIR = tmp_path
    a_workspace(name="Demo", repo=str(tmp_path / "demo-1a2b3c"))
    assert "Imported" in run(plan, "--yes")
    other = a_workspace(name="Other", repo=str(tmp_path / "other"))
    default_workspace.keep(other.pk)
    assert "Imported" in run(plan, "--yes") and Entry.objects.filter(workspace=other).count() == 2
    default_workspace.keep("ws_gone")
    assert "There is no workspace ws_gone any more, which was the default: ./muster use NAME" in refused(plan, "--yes")[1]
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert "nothing to import" in run(plan, "--yes")
    assert "nothing to import" in run(plan, "--yes", "--workspace", "Shop")


def test_a_plan_without_a_name_has_that_of_its_file(workspace: Workspace, plan: Path) -> None:
    plan.write_text("- [ ] A\n")
    run(plan, "--yes")
    assert entry(workspace, "A").source_plan == "dates"
    run(plan, "--yes", "--name", "Another")
    assert Entry.objects.filter(source_plan="Another").count() == 1
