"""The refs of a backup, put into a repository that no other Muster uses: no ref that exists is moved, wherever it is."""

from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from orchestration.git import branches
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.maintenance.backup import refs
from workspaces.machine import hosts
from workspaces.models import Workspace

TIMEOUT_S = 3600.0
RESTORED_BY = "muster.restoredBy"
"""In a repository's configuration: the host that began to restore into it, before its first ref was there."""


def place(workspace: Workspace, bundle: Path, *, in_place: bool) -> Iterable[str]:
    """Put the refs into the workspace's own repository, if it has none of Muster's, else into a new one in the data directory. `in_place`: into its own also
    if it has some. Returns sentences. Raises GitError."""
    own = Path(workspace.repo)
    is_usable = not workspace.origin and _has_base(workspace, own)
    if is_usable and (in_place or _is_free(workspace, own)):
        git.run(own, "config", RESTORED_BY, hosts.host_id())
        repo, is_new = own, False
    else:
        repo, is_new = _new(workspace), True
    left = _put(workspace, repo, bundle)
    Workspace.objects.filter(pk=workspace.pk).update(repo=str(repo), host_id=hosts.host_id())
    yield f"{workspace.name}: its work is in {repo}" + (", a new repository" if is_new else "")
    if left:
        yield f"{workspace.name}: {repo} has {len(left)} refs with other work, which were not moved: {', '.join(left[:5])}"
    if is_new and is_usable:
        yield f"{workspace.name}: {own} has work of a Muster and was left as it is (docs/operating.md)"


def _has_base(workspace: Workspace, own: Path) -> bool:
    try:
        return own.is_dir() and branches.tip(own, workspace.base_branch) is not None
    except GitError:
        return False


def _is_free(workspace: Workspace, own: Path) -> bool:
    """No Muster works there, or this restoration began there before it was interrupted."""
    code, began, _ = git.attempt(own, "config", "--get", RESTORED_BY)
    if code == 0 and began.strip() == hosts.host_id():
        return True
    return not refs.of(own, *refs.OWN, f"refs/heads/{refs.integration_branch(workspace)}")


def _new(workspace: Workspace) -> Path:
    repo = Path(settings.DATA_DIR) / "repos" / workspace.pk
    repo.mkdir(parents=True, exist_ok=True)
    git.run(repo, "init", "--quiet", "--initial-branch", workspace.base_branch)
    if workspace.origin:
        git.run(repo, "config", "remote.origin.url", workspace.origin)
        git.run(repo, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    return repo


def _put(workspace: Workspace, repo: Path, bundle: Path) -> list[str]:
    """Add the refs that are not there. Returns those that are there with other work; the base branch is the user's."""
    saved = _saved(bundle)
    there = refs.of(repo)
    if absent := [ref for ref in saved if ref not in there]:
        options = ("--quiet", "--no-tags", "--atomic", "--no-write-fetch-head", "--update-head-ok")
        specs = "".join(f"{ref}:{ref}\n" for ref in absent)
        git.run(repo, "fetch", *options, "--stdin", str(bundle), text=specs, timeout_s=TIMEOUT_S)
    base = f"refs/heads/{workspace.base_branch}"
    return sorted(ref for ref, sha in saved.items() if ref != base and there.get(ref, sha) != sha)


def _saved(bundle: Path) -> dict[str, str]:
    listed = git.run(bundle.parent, "bundle", "list-heads", str(bundle)).splitlines()
    pairs = (line.partition(" ") for line in listed)
    return {ref: sha for sha, _, ref in pairs if ref.startswith("refs/")}
