"""The base branch of a workspace by URL: its remote is asked, and new commits are fetched."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from orchestration.landing import branch
from orchestration.models import Integration
from orchestration.worker.lander import base_branch
from tests.orchestration.git.repositories import a_repository, git
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
    subprocess.run(["rm", "-rf", str(origin)], check=True)
    base_branch._next_fetch.clear()
    work.land()
    assert Integration.objects.get().state == "good"
