"""A backup has a workspace's work, and names what it lacks."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.timezone import now

from orchestration.landing import queue
from orchestration.maintenance.backup import commits, refs
from orchestration.models import Entry, Integration, IntegrationCommit, Landing, PullRequest, Round
from orchestration.repositories import claims
from tests.factories import CLOSED, a_session, a_worker, a_workspace, an_entry
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.repositories.remotes import a_remote
from workspaces.machine import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
ELSEWHERE = "host_elsewhere"


@pytest.fixture(autouse=True)
def _another_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refs, "LOOK_AGAIN_S", 0.0)
    a_workspace(name="Another", integration_branch="another/branch")


def by_url(folder: Path) -> tuple[Workspace, Path, Path]:
    """A workspace, its clone on this host, and the remote that it was added by."""
    remote = a_remote(folder)
    clone = folder / "clone"
    git(remote, "clone", "--quiet", str(remote), str(clone))
    workspace = a_workspace(repo=str(clone))
    workspace.origin, workspace.host_id = str(remote), hosts.host_id()
    workspace.save()
    return workspace, clone, remote


def a_commit(repo: Path, text: str, ref: str = "") -> str:
    start = git(repo, "rev-parse", "main")
    commit = git(repo, "commit-tree", f"{start}^{{tree}}", "-p", start, "-m", text)
    if ref:
        git(repo, "update-ref", ref, commit)
    return commit


def a_round(entry: Entry, commit: str) -> None:
    """Its first round ended with this commit."""
    a_session(entry)
    Round.objects.filter(entry=entry).update(commit=commit)


def saved(workspace: Workspace, folder: Path) -> tuple[dict[str, str], list[str]]:
    """The refs of its backup, from git alone, and what it lacks."""
    bundle = folder / "saved.bundle"
    lacks = refs.save(workspace, bundle, [commits.of(workspace)])
    lines = git(folder, "bundle", "list-heads", str(bundle)).splitlines() if bundle.exists() else []
    return {name: sha for sha, name in (line.split() for line in lines)}, lacks


def test_what_other_hosts_shared_is_in_it_though_it_was_never_on_this_one(tmp_path: Path) -> None:
    workspace, clone, remote = by_url(tmp_path)
    entry = an_entry(workspace)
    work = a_commit(remote, "by another host", claims.ref_of(entry.pk))
    a_round(entry, work)
    landed = a_commit(remote, "landed by another host", "refs/heads/muster/integration")
    Integration.objects.update_or_create(pk=workspace.pk, defaults={"tip": landed})
    mine = a_commit(clone, "only here", "refs/heads/muster/2-mine")
    before = refs.of(clone), refs.of(remote)
    there, lacks = saved(workspace, tmp_path)
    assert not lacks and there["refs/heads/muster/2-mine"] == mine
    assert (there[claims.ref_of(entry.pk)], there["refs/heads/muster/integration"]) == (work, landed)
    assert (refs.of(clone), refs.of(remote)) == before


def test_it_keeps_what_is_ahead_here_and_both_where_two_hosts_went_apart(tmp_path: Path) -> None:
    workspace, clone, remote = by_url(tmp_path)
    old = git(remote, "rev-parse", "main")
    git(remote, "update-ref", "refs/heads/muster/integration", old)
    ahead = a_commit(clone, "landed here, not pushed yet", "refs/heads/muster/integration")
    mine, theirs = (a_commit(repo, text, f"refs/muster/entries/{'e' * 20}") for repo, text in ((clone, "a"), (remote, "b")))
    there, lacks = saved(workspace, tmp_path)
    assert not lacks and there["refs/heads/muster/integration"] == ahead
    assert {mine, theirs} <= set(there.values())


def test_a_commit_that_only_another_host_has_is_named_with_its_entry_and_its_host(tmp_path: Path) -> None:
    workspace, _, _ = by_url(tmp_path)
    entry = an_entry(workspace)
    a_round(entry, "b" * 40)
    worker = a_worker()
    type(worker).objects.filter(pk=worker.pk).update(host_id=ELSEWHERE, host="build-7", seen_at=now() - timedelta(hours=1))
    Entry.objects.filter(pk=entry.pk).update(host_id=ELSEWHERE, is_shared=False)
    _, lacks = saved(workspace, tmp_path)
    assert lacks == [f"Commit {'b' * 12} of #{entry.seq}, which only build-7 has"]
    type(worker).objects.all().delete()
    (tmp_path / "saved.bundle").unlink()
    assert saved(workspace, tmp_path)[1] == [f"Commit {'b' * 12} of #{entry.seq}, which only {ELSEWHERE} has"]
    Entry.objects.filter(pk=entry.pk).update(is_shared=True)
    (tmp_path / "saved.bundle").unlink()
    assert saved(workspace, tmp_path)[1] == [f"Commit {'b' * 12} of #{entry.seq}"]


def test_a_commit_that_is_named_before_it_is_pushed_is_fetched_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _, remote = by_url(tmp_path)
    commit = git(remote, "commit-tree", "main^{tree}", "-p", "main", "-m", "late")
    a_round(an_entry(workspace), commit)
    monkeypatch.setattr(refs.time, "sleep", lambda _: git(remote, "update-ref", "refs/heads/muster/integration", commit))
    there, lacks = saved(workspace, tmp_path)
    assert not lacks and there["refs/heads/muster/integration"] == commit


def test_a_landing_in_the_queue_whose_commit_is_nowhere_is_named(tmp_path: Path) -> None:
    workspace, _, _ = by_url(tmp_path)
    entry = an_entry(workspace)
    Entry.objects.filter(pk=entry.pk).update(status="in_progress")
    queue.enqueue(entry, "c" * 40, round_=None)
    assert saved(workspace, tmp_path)[1] == [f"Commit {'c' * 12} of #{entry.seq}"]


def named_of(workspace: Workspace) -> dict[str, str]:
    """Rows that name commits: a letter for each, and what it is of."""
    entry, dropped, *pulled = (an_entry(workspace) for _ in range(6))
    a_round(entry, "a" * 40)
    Entry.objects.filter(pk__in=[entry.pk, dropped.pk]).update(is_shared=True, status="in_progress")
    queue.enqueue(entry, "b" * 40, round_=None)
    for letter, state, owner in zip("cdef", PullRequest.State, pulled, strict=True):
        numbered = {"number": owner.seq, "forge_id": letter, "merge_commit": "f" * 40}
        PullRequest.objects.create(
            workspace=workspace, entry=owner, state=state, branch=letter, base="main", head=letter * 40, **numbered
        )
    Integration.objects.update_or_create(pk=workspace.pk, defaults={"tip": "1" * 40})
    for letter, state in (("2", "intended"), ("3", "done")):
        IntegrationCommit.objects.create(
            workspace=workspace, old="0" * 40, new=letter * 40, tree="0" * 40, subject="Merge", state=state
        )
    Landing.objects.create(workspace=workspace, kind="revert", commit="4" * 40)
    Landing.objects.create(workspace=workspace, kind="entry", entry=dropped, commit="5" * 40, state="withdrawn")
    by_pulls = {letter: f"the pull request of #{owner.seq}" for letter, owner in zip("cd", pulled, strict=False)}
    branch = "the integration branch"
    of_entry = f"#{entry.seq}"
    return {"a": of_entry, "b": of_entry, **by_pulls, "1": branch, "2": branch, "4": "a landing"}


def test_each_commit_that_a_row_of_this_workspace_names_and_that_work_goes_on_from_is_asked_for() -> None:
    workspace = a_workspace()
    named, _ = named_of(workspace), named_of(Workspace.objects.get(name="Another"))
    assert commits.of(workspace) == {letter * 40: {whose} for letter, whose in named.items()}


def test_of_the_rounds_of_an_entry_only_the_newest_with_a_commit_counts_until_the_entry_is_done() -> None:
    entry = an_entry(a_workspace())
    session = a_session(entry)
    Round.objects.filter(session=session).update(commit="a" * 40)
    for number, commit in ((2, "b" * 40), (3, "")):
        Round.objects.create(session=session, entry=entry, number=number, commit=commit, base_commit="0" * 40)
    assert commits.of(entry.workspace).keys() == {"b" * 40}
    Entry.objects.filter(pk=entry.pk).update(**CLOSED)
    assert not commits.of(entry.workspace)


def test_a_commit_that_no_branch_has_is_saved(tmp_path: Path) -> None:
    workspace, clone, _ = by_url(tmp_path)
    commit = a_commit(clone, "of no branch")
    a_round(an_entry(workspace), commit)
    there, lacks = saved(workspace, tmp_path)
    assert not lacks and commit in there.values()


def test_a_remote_that_does_not_answer_is_named_and_what_is_here_is_saved(tmp_path: Path) -> None:
    workspace, clone, remote = by_url(tmp_path)
    work = a_commit(clone, "mine", "refs/heads/muster/1-mine")
    remote.rename(tmp_path / "away")
    there, lacks = saved(workspace, tmp_path)
    assert there["refs/heads/muster/1-mine"] == work
    assert len(lacks) == 1 and "could not be used" in lacks[0]


def test_a_repository_that_is_on_another_host_is_fetched_or_named(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "there")
    workspace = a_workspace(repo=str(repo))
    Workspace.objects.filter(pk=workspace.pk).update(host_id=ELSEWHERE)
    workspace.refresh_from_db()
    _, lacks = saved(workspace, tmp_path)  # no web server serves it
    assert lacks and "could not be used" in lacks[0]
    assert not (Path(settings.DATA_DIR) / "mirrors" / f"{workspace.pk}.git").exists()


def test_a_repository_that_was_removed_is_named(tmp_path: Path) -> None:
    workspace = a_workspace(repo=str(tmp_path / "gone"))
    assert "is not on this host" in saved(workspace, tmp_path)[1][0]


def test_a_shallow_clone_is_saved_as_far_as_it_goes(tmp_path: Path) -> None:
    full = a_repository(tmp_path / "full")
    git(full, "commit", "--quiet", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{full}", str(tmp_path / "shallow"))
    there, lacks = saved(a_workspace(repo=str(tmp_path / "shallow")), tmp_path)
    assert not lacks and there["refs/heads/main"] == git(full, "rev-parse", "main")
