"""Landed work is pushed: a failing remote is left alone for a while, unless a person asks, and its changes of state are recorded once."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestration import configuration
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.models import Executor
from orchestration.worker.lander import pushing, refs
from orchestration.worker.preparing import workbench
from tests.factories import a_workspace
from tests.orchestration.git.repositories import a_repository
from tests.orchestration.git.repositories import git as run_git
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db
CONFIG = configuration.merged({}, {"push": {"remote": "away"}})


class Remote:
    """Takes two seconds for each answer."""

    def __init__(self) -> None:
        self.at, self.fails = 1000.0, True
        self.pushed: list[tuple[str, str]] = []

    def run(self, _repo: Path, *command: str, **_: object) -> str:
        self.pushed.append((command[-2], command[-1]))
        self.at += 2
        if self.fails:
            raise GitError("push", "Could not resolve host: git.example.com")
        return ""


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    remote = Remote()
    monkeypatch.setattr(git, "run", remote.run)
    monkeypatch.setattr(pushing, "time", SimpleNamespace(monotonic=lambda: remote.at))
    yield remote
    pushing._paused_until.clear()


def push(shop: Workspace, commit: str, config: configuration.Config = CONFIG, *, is_asked: bool = False) -> None:
    pushing.push(workbench.of_lander(shop, config), commit, is_asked=is_asked)


def state(shop: Workspace) -> tuple[str, str]:
    row = Executor.objects.get(pk=shop.pk)
    return row.push_error[:27], row.pushed_commit


def test_a_remote_that_fails_is_left_alone_ten_times_as_long_as_its_failure_took(remote: Remote) -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    for commit in ("1" * 40, "2" * 40):
        push(shop, commit)
    assert remote.pushed == [("away", f"{'1' * 40}:refs/heads/muster/integration")], "not again at once"
    push(other, "9" * 40)
    push(shop, "3" * 40, is_asked=True)
    assert [ref[0] for _, ref in remote.pushed] == ["1", "9", "3"], (
        "the pause is one workspace's, and a person's request is not kept"
    )
    remote.at, remote.fails = pushing._paused_until[shop.pk] - 0.1, False
    assert remote.at == 1000 + 3 * 2 + 20 - 0.1
    push(shop, "4" * 40)
    assert len(remote.pushed) == 3
    remote.at += 0.1
    for number in "567":
        push(shop, number * 40)
    assert [ref[0] for _, ref in remote.pushed[3:]] == ["5", "6", "7"], "after a success there is no pause"


def test_each_change_of_its_state_is_recorded_once_with_the_reason(remote: Remote) -> None:
    shop, other = a_workspace(), a_workspace(name="Other")
    Executor.objects.filter(pk=shop.pk).update(pushed_commit="0" * 40)
    for fails, number in ((True, "1"), (True, "2"), (False, "3"), (False, "4"), (True, "5")):
        remote.fails = fails
        push(shop, number * 40, is_asked=True)
        error = "Could not resolve host: git" if fails else ""
        assert state(shop) == (error, {"1": "0", "2": "0", "3": "3"}.get(number, "4") * 40), "the last that was pushed"
    verbs = list(Event.objects.filter(workspace=shop).order_by("id").values_list("verb", flat=True))
    assert len(verbs) == 3 and verbs[0] == verbs[2] != verbs[1]
    assert state(other) == ("", "") and not Event.objects.filter(workspace=other).exists()


def test_nothing_is_pushed_without_a_remote_in_the_config_or_on_this_host(remote: Remote) -> None:
    shop = a_workspace()
    push(shop, "1" * 40, configuration.Config())
    assert state(shop) == ("", "")
    shop.host_id = "another"
    push(shop, "1" * 40)
    assert remote.pushed == [] and Executor.objects.get(pk=shop.pk).push_error == pushing.ELSEWHERE
    branch = configuration.merged({}, {"push": {"remote": "away", "branch": "release"}})
    shop.origin = "https://git.example.com/shop.git"
    push(shop, "1" * 40, branch)
    assert remote.pushed == [("away", f"{'1' * 40}:refs/heads/release")]


def test_a_branch_between_what_was_delivered_and_the_tip_may_be_moved_on(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    commits = [run_git(repo, "rev-parse", "HEAD")]
    for name in ("1", "2", "3"):
        run_git(repo, "commit", "--quiet", "--allow-empty", "-m", name)
        commits.append(run_git(repo, "rev-parse", "HEAD"))
    start, delivered, here, tip = commits
    cases = {
        (delivered, here, tip): True,
        (delivered, delivered, tip): True,
        (delivered, tip, tip): True,
        ("", tip, tip): True,
        ("", here, tip): False,
        ("", "", tip): False,
        (delivered, "", tip): False,
        (delivered, start, tip): False,
        (delivered, tip, here): False,
        (delivered, "0" * 40, tip): False,
    }
    assert {case: refs.is_between(repo, *case) for case in cases} == cases
