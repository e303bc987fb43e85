"""The refs of a backup find a repository that nobody else uses."""

from pathlib import Path

import pytest
from django.conf import settings

from orchestration.maintenance.backup import commits, placing, refs
from tests.factories import a_workspace
from tests.orchestration.git.repositories import a_repository, git
from tests.orchestration.maintenance.test_backup_refs import a_commit
from workspaces.machine import hosts
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
LANDED, ENTRY = "refs/heads/muster/integration", "refs/heads/muster/1-work"


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Workspace, Path, Path]:
    """A workspace, its repository, and its bundle from when its integration branch was at the base."""
    repo = a_repository(tmp_path / "repo")
    git(repo, "update-ref", LANDED, "main")
    a_commit(repo, "work", ENTRY)
    workspace = a_workspace(repo=str(repo))
    Workspace.objects.filter(pk=workspace.pk).update(host_id=hosts.host_id())
    workspace.refresh_from_db()
    bundle = tmp_path / "saved.bundle"
    assert refs.save(workspace, bundle, [commits.of(workspace)]) == []
    return workspace, repo, bundle


def placed(workspace: Workspace, bundle: Path, *, in_place: bool = False) -> tuple[Path, str]:
    sentences = "\n".join(placing.place(workspace, bundle, in_place=in_place))
    workspace.refresh_from_db()
    return Path(workspace.repo), sentences


def test_a_repository_that_went_on_is_left_and_the_copy_gets_its_own(saved: tuple[Workspace, Path, Path]) -> None:
    workspace, repo, bundle = saved
    a_commit(repo, "landed since", LANDED)
    before = refs.of(repo)
    other = a_workspace(name="Other", repo="/elsewhere")
    where, sentences = placed(workspace, bundle)
    assert Workspace.objects.get(pk=other.pk).repo == "/elsewhere"
    assert refs.of(repo) == before and not git(repo, "config", "--list").count("restored")
    assert where == Path(settings.DATA_DIR) / "repos" / workspace.pk
    assert refs.of(where)[LANDED] == git(repo, "rev-parse", "main")
    assert f"{repo} has work of a Muster and was left as it is" in sentences


def test_one_where_nothing_happened_since_the_backup_is_left_too(saved: tuple[Workspace, Path, Path]) -> None:
    workspace, repo, bundle = saved
    assert placed(workspace, bundle)[0] != repo


def test_a_fresh_clone_at_the_same_path_gets_the_refs_and_a_second_try_ends_the_same(saved: tuple[Workspace, Path, Path]) -> None:
    workspace, repo, bundle = saved
    before = refs.of(repo)
    for ref in (LANDED, ENTRY):
        git(repo, "update-ref", "-d", ref)
    where, sentences = placed(workspace, bundle)
    assert where == repo and "other work" not in sentences and "left as it is" not in sentences
    git(repo, "update-ref", "-d", ENTRY)  # as if the first try had been killed
    assert placed(workspace, bundle)[0] == repo
    assert refs.of(repo) == before


def test_in_place_adds_what_is_missing_and_names_what_went_on(saved: tuple[Workspace, Path, Path]) -> None:
    workspace, repo, bundle = saved
    newer = a_commit(repo, "landed since", LANDED)
    work = refs.of(repo)[ENTRY]
    git(repo, "update-ref", "-d", ENTRY)
    where, sentences = placed(workspace, bundle, in_place=True)
    assert where == repo and (refs.of(repo)[LANDED], refs.of(repo)[ENTRY]) == (newer, work)
    assert f"1 refs with other work, which were not moved: {LANDED}" in sentences


def test_a_workspace_by_a_url_never_uses_the_clone_of_another_data_directory(saved: tuple[Workspace, Path, Path]) -> None:
    workspace, repo, bundle = saved
    Workspace.objects.filter(pk=workspace.pk).update(origin="https://git.example/shop.git")
    workspace.refresh_from_db()
    for ref in (LANDED, ENTRY):
        git(repo, "update-ref", "-d", ref)
    where, _ = placed(workspace, bundle, in_place=True)
    assert where != repo and git(where, "remote", "get-url", "origin") == "https://git.example/shop.git"


def test_only_refs_are_put_whatever_else_a_bundle_names(saved: tuple[Workspace, Path, Path], tmp_path: Path) -> None:
    workspace, repo, _ = saved
    git(repo, "bundle", "create", "--quiet", str(tmp_path / "with-head.bundle"), "--all", "HEAD")
    assert "HEAD" in git(repo, "bundle", "list-heads", str(tmp_path / "with-head.bundle"))
    where, _ = placed(workspace, tmp_path / "with-head.bundle")
    assert refs.of(where) == refs.of(repo)


def test_what_another_host_has_begun_to_restore_into_is_not_free(saved: tuple[Workspace, Path, Path]) -> None:
    workspace, repo, bundle = saved
    git(repo, "config", placing.RESTORED_BY, "host_elsewhere")
    before = refs.of(repo)
    assert placed(workspace, bundle)[0] != repo and refs.of(repo) == before


@pytest.mark.parametrize("how", ["no repository", "no base branch", "no folder"])
def test_what_is_no_repository_with_the_base_branch_is_replaced_by_a_new_one(
    saved: tuple[Workspace, Path, Path], tmp_path: Path, how: str
) -> None:
    workspace, _, bundle = saved
    other = tmp_path / "other"
    if how == "no repository":
        other.mkdir()
    if how == "no base branch":
        git(a_repository(other), "branch", "-m", "main", "trunk")
    Workspace.objects.filter(pk=workspace.pk).update(repo=str(other))
    workspace.refresh_from_db()
    where, sentences = placed(workspace, bundle, in_place=True)
    assert where == Path(settings.DATA_DIR) / "repos" / workspace.pk and "was left as it is" not in sentences
    assert workspace.host_id == hosts.host_id()
