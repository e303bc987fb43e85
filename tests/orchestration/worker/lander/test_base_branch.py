"""The base branch of a workspace by URL: its remote is asked, and new commits are fetched."""

import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from orchestration.configuration import Config
from orchestration.executor import reconcile
from orchestration.git import branches
from orchestration.git.command import GitError
from orchestration.landing import branch
from orchestration.models import Executor, Integration
from orchestration.worker.lander import base_branch
from orchestration.worker.lander.lease import Lease
from orchestration.worker.preparing import workbench
from tests.factories import a_worker, a_workspace
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.worker.lander.verified import commit, verified
from tests.orchestration.worker.sessions.shop import Shop
from workspaces.models import Workspace

Make = Callable[..., Shop]


def test_new_commits_of_a_remotes_base_branch_are_merged_and_a_remote_that_is_away_is_no_error(
    shop: Make, tmp_path: Path
) -> None:
    origin = a_repository(tmp_path / "origin", README="hello\n")
    work = shop()
    work.git("remote", "add", "origin", str(origin))
    work.git("fetch", "--quiet", "origin")
    work.git("update-ref", "refs/heads/main", "refs/remotes/origin/main")
    work.git("update-ref", "refs/heads/muster/integration", "refs/heads/main")
    Workspace.objects.filter(pk=work.workspace.pk).update(origin=str(origin))
    work.land()
    (origin / "from-remote").write_text("1")
    git(origin, "add", "-A")
    git(origin, "commit", "--quiet", "-m", "theirs")
    base_branch._next_fetch.clear()
    Integration.objects.update(due=False)
    branch.wake_due()
    assert Integration.objects.get().due
    work.land()
    assert work.merged("from-remote") == "1"
    assert work.git("rev-parse", "main").strip() == git(origin, "rev-parse", "HEAD"), "pages compare with the clone's own branch"
    subprocess.run(["rm", "-rf", str(origin)], check=True)
    base_branch._next_fetch.clear()
    work.land()
    assert Integration.objects.get().state == "good"
    assert base_branch._next_fetch[work.workspace.pk][1] == 2 * base_branch.FIRST_PAUSE_S


@pytest.mark.django_db
def test_a_remote_that_stays_away_is_shown_asked_ever_more_seldom_and_forgotten_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at, answer = [1000.0], "no"
    shop = a_workspace()
    shop.origin = "https://ana:secret@git.example.com/shop.git"
    fence = branch.lease(branch.ensure(shop.pk), a_worker())
    lease = Lease(workbench.of_lander(shop, Config()), fence or 0, lambda: False)

    def fetch(*_: object, **__: object) -> None:
        asked.append(at[0])
        if answer == "no":
            raise GitError("fetch", "Could not resolve host: git.example.com")

    asked: list[float] = []
    monkeypatch.setattr(branches, "follow", fetch)
    monkeypatch.setattr(base_branch.time, "monotonic", lambda: at[0])
    monkeypatch.setattr(branches, "tip", lambda *_, **__: "c" * 40)
    problems = []
    for _ in range(11):
        assert base_branch._tip(lease) == "c" * 40, "what was fetched before is known"
        problems.append(Integration.objects.get().base_problem)
        at[0], pause = base_branch._next_fetch[shop.pk]
        at[0] -= 0.1
        base_branch._tip(lease)
        at[0] += 0.1
    assert [later - before for before, later in pairwise(asked)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert pause == base_branch.MAX_PAUSE_S
    assert problems[0] == "" and problems[1].startswith("New commits of https://git.example.com/shop.git could not be fetched")
    assert "secret" not in problems[1] and set(problems[1:]) == {problems[1]}
    answer = "yes"
    base_branch._tip(lease)
    assert Integration.objects.get().base_problem == "" and base_branch._next_fetch[shop.pk] == (at[0] + 1, 1)
    lease.write(base_problem="main cannot be merged into muster/integration")
    at[0] += 1
    base_branch._tip(lease)
    assert Integration.objects.get().base_problem.startswith("main cannot be merged"), "that is another problem"
    answer = "no"
    for _ in range(3):
        at[0] += 600
        base_branch._tip(lease)
    assert Integration.objects.get().base_problem.startswith("main cannot be merged")


def test_a_persons_commit_on_the_base_is_followed_while_all_entries_wait_for_approval(shop: Make) -> None:
    """No entry is in line, so no cycle runs."""
    work = shop(approve={"mode": "always"})
    verified(work, "alpha")
    work.land()
    Integration.objects.update(due=False)
    commit_on_base(work, "by-hand")
    reconcile.run()
    assert Integration.objects.get().due
    work.land()
    assert work.merged("by-hand") is not None


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_it_is_not_followed_by_the_tick_while_nothing_runs(shop: Make, state: str) -> None:
    work = shop()
    work.land()
    Executor.objects.update(state=state)
    Integration.objects.update(due=False)
    commit_on_base(work, "by-hand")
    reconcile.run()
    assert not Integration.objects.get().due
    Executor.objects.update(state="running")
    reconcile.run()
    assert Integration.objects.get().due


def commit_on_base(work: Shop, name: str) -> None:
    work.git("update-ref", "refs/heads/main", commit(work, "main", name))
