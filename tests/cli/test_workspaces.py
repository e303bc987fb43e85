"""The workspace that a command uses: named, of the folder, the default, or the only one."""

from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.cli.terminal import URL, Terminal
from tests.factories import a_token, a_workspace
from workspaces.models import Workspace


@pytest.fixture
def bakery(workspace: Workspace) -> Workspace:
    """A second workspace."""
    return a_workspace(name="Bakery")


@pytest.fixture
def here(muster: Terminal, tmp_path: Path) -> Path:
    """The file of the default workspace, as `./muster` sets it: the server is on this machine."""
    muster.set("MUSTER_DEFAULT_WORKSPACE_FILE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def used(muster: Terminal) -> str:
    return str(muster.json("status")["workspace"])


def in_repository_of(workspace: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".git").mkdir(parents=True)
    (folder / "src").mkdir()
    Workspace.objects.filter(pk=workspace.pk).update(repo=str(folder))
    monkeypatch.chdir(folder / "src")


def test_a_demo_does_not_compete_with_the_only_other_workspace(
    muster: Terminal, workspace: Workspace, tmp_path: Path, settings: Any
) -> None:
    settings.DATA_DIR = tmp_path
    demo = a_workspace(name="Demo", repo=str(tmp_path / "demo-1a2b3c"))
    assert used(muster) == workspace.pk
    Workspace.objects.filter(pk=workspace.pk).update(deleted_at=Now())
    assert used(muster) == demo.pk


def test_without_a_workspace_a_command_names_the_next_step(muster: Terminal, workspace: Workspace, tmp_path: Path) -> None:
    Workspace.objects.update(deleted_at=Now())
    assert "may see no workspace: ask an admin of one" in muster("status").err
    muster.set("MUSTER_DEFAULT_WORKSPACE_FILE", str(tmp_path / "kept"))
    assert "make one with ./muster workspace add PATH" in muster("status").err


def test_the_first_of_named_variable_folder_and_default_decides(
    muster: Terminal, workspace: Workspace, bakery: Workspace, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "keep one as the default: muster use NAME. There are: " in muster("status").err
    assert muster("use", "Bakery").out == f"Commands use Bakery ({bakery.pk}) here: it is the default.\n"
    assert used(muster) == here.read_text().strip() == bakery.pk
    in_repository_of(workspace, tmp_path / "shop", monkeypatch)
    assert used(muster) == workspace.pk and "this folder is in its repository" in muster("use").out
    muster.set("MUSTER_WORKSPACE", "Bakery")
    assert used(muster) == bakery.pk
    assert muster.json("status", "-w", "Shop")["workspace"] == workspace.pk


def test_a_folder_with_two_workspaces_is_that_of_the_default(
    muster: Terminal, workspace: Workspace, bakery: Workspace, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_repository_of(workspace, tmp_path / "shop", monkeypatch)
    Workspace.objects.filter(pk=bakery.pk).update(repo=str(tmp_path / "shop"))
    assert "Which workspace?" in muster("status").err
    here.write_text(bakery.pk)
    assert used(muster) == bakery.pk


def test_a_server_elsewhere_does_not_see_the_folder(
    muster: Terminal, workspace: Workspace, bakery: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_repository_of(workspace, tmp_path / "shop", monkeypatch)
    assert "Which workspace?" in muster("status").err


def test_a_default_that_is_gone_names_the_next_step(muster: Terminal, workspace: Workspace, here: Path, tmp_path: Path) -> None:
    here.write_text("ws_gone")
    for folder in (tmp_path, Path(__file__).parent):  # outside a repository, and inside one
        muster.monkeypatch.chdir(folder)
        outcome = muster("status")
        sentence = "The default workspace ws_gone is gone. Keep another: muster use NAME. There are: Shop"
        assert outcome.code == 2 and sentence in outcome.err


def test_a_default_is_kept_in_the_profile_and_by_its_next_login(
    stranger: Terminal, workspace: Workspace, bakery: Workspace
) -> None:
    stranger("login", URL, "--with-token", stdin=a_token())
    assert stranger("use", "Bakery").code == 0
    stranger("login", URL, "--with-token", stdin=a_token())
    assert used(stranger) == bakery.pk
    stranger.set("MUSTER_URL", "http://elsewhere")
    stranger.set("MUSTER_TOKEN", a_token())
    outcome = stranger("use", "Shop")
    assert outcome.code == 2 and "There is no profile of http://elsewhere" in outcome.err


def test_workspaces_beyond_a_page_are_found(muster: Terminal, workspace: Workspace) -> None:
    for n in range(101):
        a_workspace(name=f"Number {n}")
    assert muster.json("status", "-w", "Shop")["workspace"] == workspace.pk
    assert len(muster.json("workspaces")["workspaces"]) == 102
