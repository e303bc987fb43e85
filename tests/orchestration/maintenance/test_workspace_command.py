"""`./muster workspace add | list`: what the command line makes of its words, and what it refuses."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.timezone import now

from budget.amounts import usd
from config.system import default_workspace
from orchestration import configuration
from orchestration.configuration import secrets
from orchestration.models import Executor
from tests.factories import a_workspace, project
from tests.orchestration.git.repositories import a_repository, git
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _roots(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REPO_ROOTS = [tmp_path]
    monkeypatch.setenv("MUSTER_DATA_DIR", str(tmp_path))


def run(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("workspace", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_repository_is_put_under_muster_with_all_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.BASE_URL = "http://muster.example"
    monkeypatch.setenv("MY_KEY", "a-secret-value")
    repo = a_repository(tmp_path / "shop.git")
    git(repo, "branch", "trunk")
    words = "--name Shop --base-branch trunk --agent command --model m --secret MY_KEY --junit out.xml --setup make --budget 7.5"
    more = ("--max-workers", "2", "--command", "do it", "--verify", "make test", "--verify", "make lint")
    out, err = run("add", str(repo), *words.split(), *more)
    shop = Workspace.objects.get()
    assert out == f"{shop.pk}  Shop  http://muster.example/w/{shop.pk}/\n"
    assert err.startswith("It is the default of ./muster from now on") and default_workspace.read() == shop.pk
    assert (shop.repo, shop.base_branch, shop.created_by) == (str(repo), "trunk", "command line")
    money = project(shop)
    assert (money.total_budget, money.max_project_spend) == (usd("7.5"), usd("7.5")), "the cap is the budget"
    config = configuration.load(Executor.objects.get().config)
    assert (config.agent.kind, config.agent.command, config.agent.model, config.max_workers) == ("command", "do it", "m", 2)
    checks = [(check.name, check.run, check.junit) for check in config.verify]
    assert checks == [("verify-1", "make test", "out.xml"), ("verify-2", "make lint", None)]
    assert config.setup == ["make"]
    assert secrets.for_agents(shop.pk) == {"MY_KEY": "a-secret-value"}
    assert Event.objects.filter(actor="command line", verb="workspace.created").exists()


def test_without_words_its_name_is_the_folders_and_the_budget_fifty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    repo = a_repository(tmp_path / "shop.git")
    _, err = run("add", "./shop.git/", "--command", "true", "--cap", "60")
    shop, money = Workspace.objects.get(), project(Workspace.objects.get())
    assert (shop.name, shop.repo, shop.base_branch) == ("shop", str(repo), "main")
    assert (money.total_budget, money.max_project_spend) == (usd(50), usd(60))
    assert "No --verify command: every result of the agent will pass." in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--command", "true", "--secret", "NOT_THERE"], "--secret NOT_THERE: there is no such variable in your environment"),
        ([], "A command agent needs --command"),
        (["--command", "true", "--junit", "x.xml"], "--junit goes with --verify"),
        (["--command", "true", "--budget", "0.00000001"], "--budget and --cap: "),
        (["--command", "true", "--base-branch", "none"], "base_branch: "),
        (["--command", "true", "--max-workers", "0"], "max_workers"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_made(tmp_path: Path, words: list[str], sentence: str) -> None:
    repo = a_repository(tmp_path / "shop")
    with pytest.raises(CommandError, match=sentence):
        run("add", str(repo), *words)
    assert not Workspace.objects.exists()


def test_an_agents_program_that_is_missing_is_named_with_its_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    _, err = run("add", str(a_repository(tmp_path / "shop")), "--agent", "claude-code", "--verify", "true")
    assert "is not on this host's PATH. Install it where the workers run: " in err
    assert configuration.load(Executor.objects.get().config).agent.kind == "claude_code"


def test_the_list_has_the_workspaces_that_are_not_deleted_the_oldest_first() -> None:
    second, first, gone = (a_workspace(name=name) for name in ("B", "A", "Gone"))
    Workspace.objects.filter(pk=gone.pk).update(deleted_at=now())
    assert run("list")[0] == f"{second.pk}  B  /nowhere\n{first.pk}  A  /nowhere\n"
