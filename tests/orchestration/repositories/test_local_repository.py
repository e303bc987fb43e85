"""A workspace's repository on this host: its own or a mirror, and what it shares with the other hosts."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from orchestration.git import history
from orchestration.models import Integration, Worker
from orchestration.repositories import local_repository
from orchestration.repositories.authority import Moved, Own, Unreachable
from orchestration.repositories.remote import Remote
from tests.factories import a_worker, a_workspace
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.repositories.remotes import a_remote
from workspaces.machine import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
ELSEWHERE = "host_elsewhere"


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    return Path(settings.DATA_DIR)


def a_shop(folder: Path, *, host: str = "", origin: str = "") -> Workspace:
    workspace = a_workspace(repo=str(a_repository(folder / "repo")))
    workspace.host_id, workspace.origin = {"here": hosts.host_id()}.get(host, host), origin
    workspace.save()
    return workspace


def another_host(*, seen: timedelta = timedelta(0), host_id: str = "host_2", queue: str = "sessions") -> None:
    worker = a_worker(queue=queue)
    Worker.objects.filter(pk=worker.pk).update(host_id=host_id, seen_at=now() - seen)


def commit_in(repo: Path, ref: str) -> str:
    tip = git(repo, "rev-parse", "main")
    commit = git(repo, "commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", ref)
    git(repo, "update-ref", ref, commit)
    return commit


@pytest.mark.parametrize(("host", "is_home"), [("", True), ("here", True), (ELSEWHERE, False)])
def test_a_repository_is_at_home_on_its_host_and_where_all_have_the_same_path(
    tmp_path: Path, data: Path, host: str, is_home: bool
) -> None:
    workspace = a_shop(tmp_path, host=host)
    assert local_repository.is_home(workspace) is is_home
    assert local_repository.path(workspace) == (Path(workspace.repo) if is_home else data / "mirrors" / f"{workspace.pk}.git")


def test_others_share_a_workspace_where_a_session_worker_of_another_host_was_seen_within_a_day(tmp_path: Path) -> None:
    workspace = a_shop(tmp_path, host="here")
    another_host(host_id=workspace.host_id)
    another_host(host_id="")
    another_host(queue="control")
    another_host(seen=timedelta(hours=25))
    assert not local_repository.are_several(workspace) and local_repository.authority_of(workspace) is None
    another_host(seen=timedelta(hours=23))
    assert local_repository.are_several(workspace) and local_repository.authority_of(workspace) == Own(Path(workspace.repo))


def test_only_the_host_of_its_repository_is_its_authority_and_none_of_one_by_url_that_is_shared(tmp_path: Path) -> None:
    mine, by_url = a_shop(tmp_path / "a", host="here"), a_shop(tmp_path / "b", host="here", origin="https://git.example/shop.git")
    assert local_repository.is_authority(mine) and local_repository.is_authority(by_url)
    assert (
        local_repository.has_all(mine) and not local_repository.has_all(by_url) and local_repository.authority_of(by_url) is None
    )
    another_host()
    assert local_repository.is_authority(mine) and not local_repository.is_authority(by_url)
    authority = local_repository.authority_of(by_url)
    assert isinstance(authority, Remote) and (authority.url, authority.repo) == (by_url.origin, Path(by_url.repo))
    gone = a_workspace(repo=str(tmp_path / "gone"))
    assert not local_repository.is_authority(gone)


def test_a_host_without_it_reaches_its_host_with_a_token_for_one_ref(tmp_path: Path, settings: Any) -> None:
    settings.BASE_URL = "http://muster.example"
    workspace = a_shop(tmp_path, host=ELSEWHERE)
    authority = local_repository.authority_of(workspace)
    assert isinstance(authority, Remote) and authority.url == f"http://muster.example/git/{workspace.pk}"
    assert authority.repo == local_repository.path(workspace) and "MUSTER_SECRET_KEY" in authority.remedy
    assert (
        local_repository.worker_tokens.scope_of(authority.header("refs/muster/x").partition(": ")[2], workspace.pk)
        == "refs/muster/x"
    )
    assert not local_repository.is_authority(workspace) and not local_repository.has_all(workspace)
    assert local_repository.remote(workspace, tmp_path).repo == tmp_path
    shared = a_shop(tmp_path / "same-path")
    another_host()
    assert local_repository.authority_of(shared) is None


def test_that_a_remote_takes_branches_alone_is_known_from_then_on(tmp_path: Path) -> None:
    workspace, other = (a_shop(tmp_path / name, host=ELSEWHERE, origin="https://git.example/shop.git") for name in "ab")
    for shop in (workspace, other):
        Integration.objects.get_or_create(pk=shop.pk)
    authority = local_repository.authority_of(workspace)
    assert isinstance(authority, Remote) and not authority.only_branches
    authority.on_only_branches(True)
    again, others = local_repository.authority_of(workspace), local_repository.authority_of(other)
    assert isinstance(again, Remote) and again.only_branches
    assert isinstance(others, Remote) and not others.only_branches


def test_a_mirror_is_made_once_and_has_what_is_asked_for(tmp_path: Path) -> None:
    remote = a_remote(tmp_path)
    workspace = a_shop(tmp_path / "shop", host=ELSEWHERE, origin=str(remote))
    integrated, loose = commit_in(remote, "refs/heads/muster/integration"), commit_in(remote, "refs/muster/entries/e")
    mirror = local_repository.ensure(workspace)
    assert mirror == local_repository.path(workspace) == local_repository.ensure(workspace)
    assert git(mirror, "config", "remote.origin.url") == str(remote)
    assert not history.has(mirror, loose)
    assert local_repository.bring(workspace, loose, "refs/muster/entries/e") and history.has(mirror, loose)
    assert not local_repository.bring(workspace, "1" * 40, "refs/muster/entries/e")
    assert local_repository.tip_of(workspace, "muster/integration") == integrated
    assert local_repository.tip_of(workspace, "muster/not-yet") == git(remote, "rev-parse", "main")
    newer = commit_in(remote, "refs/heads/muster/integration")
    assert local_repository.tip_of(workspace, "muster/integration") == newer


def test_a_mirror_of_a_path_knows_no_remote_to_push_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Remote, "object_format", lambda _: "sha256")
    mirror = local_repository.ensure(a_shop(tmp_path, host=ELSEWHERE))
    assert git(mirror, "config", "--get-regexp", "extensions.objectformat").endswith("sha256")
    assert "remote.origin" not in git(mirror, "config", "--list")


def test_at_home_a_branch_is_read_from_the_disk(tmp_path: Path) -> None:
    workspace = a_shop(tmp_path, host="here")
    assert local_repository.tip_of(workspace, "main") == git(Path(workspace.repo), "rev-parse", "main")
    assert local_repository.ensure(workspace) == Path(workspace.repo)
    assert not local_repository.bring(workspace, "1" * 40)


def test_a_commit_of_another_host_is_fetched_to_be_shown_and_a_remote_that_is_away_hides_nothing(tmp_path: Path) -> None:
    remote = a_remote(tmp_path)
    git(remote, "config", "uploadpack.allowAnySHA1InWant", "true")
    workspace = a_shop(tmp_path / "shop", host="here", origin=str(remote))
    pushed = commit_in(remote, "refs/muster/entries/e")
    repo = local_repository.to_show(workspace, pushed)
    assert repo == Path(workspace.repo) and not history.has(repo, pushed), "nobody shares it"
    another_host()
    assert history.has(local_repository.to_show(workspace, pushed), pushed)
    other = commit_in(remote, "refs/muster/entries/f")
    remote.rename(tmp_path / "away")
    assert not history.has(local_repository.to_show(workspace, other), other)
    assert local_repository.bring(workspace, pushed, "refs/muster/entries/e"), "it is here already"
    with pytest.raises(Unreachable):
        local_repository.bring(workspace, other, "refs/muster/entries/f")


def test_a_commit_is_here_loose_or_packed_and_only_as_a_commit(tmp_path: Path) -> None:
    repo = a_repository(tmp_path / "repo")
    tip, tree = git(repo, "rev-parse", "main"), git(repo, "rev-parse", "main^{tree}")
    assert history.has(repo, tip)
    git(repo, "gc", "--quiet")
    assert history.has(repo, tip) and not history.has(repo, tree) and not history.has(repo, "1" * 40)


def test_a_repository_of_this_host_moves_a_ref_only_from_where_it_was(tmp_path: Path) -> None:
    own = Own(a_repository(tmp_path / "repo"))
    first, second = (commit_in(own.repo, f"refs/heads/{name}") for name in "ab")
    own.move("refs/muster/entries/e", first, before="")
    own.move("refs/muster/entries/e", second, before=first)
    for before in ("", first):
        with pytest.raises(Moved):
            own.move("refs/muster/entries/e", first, before=before)
    assert own.refs("refs/muster/entries/e", "refs/muster/none") == {"refs/muster/entries/e": second}
    assert own.refs("refs/muster") == {} and own.under("refs/muster/entries/") == {"refs/muster/entries/e": second}
    own.discard({"refs/muster/entries/e": first})
    assert own.under("refs/muster/entries/")
    own.discard({"refs/muster/entries/e": second})
    assert own.under("refs/muster/entries/") == {}
