"""The place of a workspace's repository on this host, and the repository that all hosts share."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models.functions import Now

from orchestration.git import branches, history
from orchestration.git import command as git
from orchestration.git.command import GitError
from orchestration.git.locking import exclusive
from orchestration.models import Integration, Worker
from orchestration.repositories import worker_tokens
from orchestration.repositories.authority import Authority, Own
from orchestration.repositories.remote import Remote
from workspaces.machine import hosts
from workspaces.models import Workspace

SAME_KEY = "Give all hosts the same MUSTER_SECRET_KEY, and clocks that agree"
FORGOTTEN_AFTER = timedelta(days=1)
"""A host that was not seen for so long shares nothing any more."""


def is_home(workspace: Workspace) -> bool:
    """True if the workspace's repository is on this host, or at the same path on every host."""
    return workspace.host_id in ("", hosts.host_id())


def is_authority(workspace: Workspace) -> bool:
    """True if work lands in the repository on this host: its refs are read from the disk."""
    repo = path(workspace)
    return is_home(workspace) and repo.is_dir() and not (workspace.origin and are_several(workspace))


def path(workspace: Workspace) -> Path:
    """The workspace's repository on this host: its own, or a mirror, which `ensure` makes."""
    return Path(workspace.repo) if is_home(workspace) else Path(settings.DATA_DIR) / "mirrors" / f"{workspace.pk}.git"


def authority_of(workspace: Workspace) -> Authority | None:
    """The repository that the hosts share. None: only this host works on the workspace, or all have the repository at the same path."""
    if workspace.host_id == "":
        return None
    if is_home(workspace):
        if not are_several(workspace):
            return None
        return _remote(workspace) if workspace.origin else Own(path(workspace))
    return _remote(workspace)


def are_several(workspace: Workspace) -> bool:
    """True if another host than the one that has its repository may run its sessions."""
    others = Worker.objects.filter(queue="sessions", seen_at__gt=Now() - FORGOTTEN_AFTER)
    return others.exclude(host_id__in=("", workspace.host_id)).exists()


def has_all(workspace: Workspace) -> bool:
    """True if the repository on this host is the only one that the workspace has."""
    return is_home(workspace) and not workspace.origin


def remote(workspace: Workspace, repo: Path) -> Remote:
    """The repository that is not on this host, which another repository than this host's fetches from."""
    return replace(_remote(workspace), repo=repo)


def ensure(workspace: Workspace) -> Path:
    """The repository on this host; an empty mirror where there was none. Raises GitError."""
    repo = path(workspace)
    if is_home(workspace) or (repo / "HEAD").exists():
        return repo
    with exclusive(repo.parent):
        if not (repo / "HEAD").exists():
            remote = _remote(workspace)
            git.run(repo.parent, "init", "--quiet", "--bare", f"--object-format={remote.object_format()}", str(repo))
            if workspace.origin:  # to push to; what a path's own repository pushes to, only its host knows
                git.run(repo, "config", "remote.origin.url", remote.url)
    return repo


def bring(workspace: Workspace, commit: str, *refs: str) -> bool:
    """Fetch the shared refs that may contain the commit, unless it is here. Returns True if this host has it. Raises Unreachable."""
    repo = ensure(workspace)
    if history.has(repo, commit):
        return True
    if (authority := authority_of(workspace)) is not None:
        authority.fetch(list(authority.refs(*refs)))
    return history.has(repo, commit)


def tip_of(workspace: Workspace, branch: str) -> str:
    """The commit of a branch. On a host with a mirror it is fetched, and begins where the base branch is. Raises Unreachable, or GitError."""
    repo = ensure(workspace)
    if is_home(workspace):
        return branches.tip_or_raise(repo, branch)
    refs = [f"refs/heads/{name}" for name in (branch, workspace.base_branch)]
    authority = _remote(workspace)
    authority.fetch(list(authority.refs(*refs)))
    return branches.tip(repo, branch) or branches.tip_or_raise(repo, workspace.base_branch)


def to_show(workspace: Workspace, commit: str) -> Path:
    """The repository on this host, with this commit if the shared one gives it: another host may have made it."""
    repo = path(workspace)
    if commit and repo.is_dir() and not history.has(repo, commit):
        authority = authority_of(workspace)
        if isinstance(authority, Remote):
            with suppress(GitError):
                authority.bring(commit)
    return repo


def _remote(workspace: Workspace) -> Remote:
    """The authority, as a host reaches it that does not have it."""
    if not workspace.origin:
        url = f"{settings.BASE_URL}/git/{workspace.pk}"
        return Remote(path(workspace), url, lambda ref: worker_tokens.header(workspace.pk, ref), remedy=SAME_KEY)
    row = Integration.objects.filter(pk=workspace.pk)
    only_branches = bool(row.values_list("only_branches", flat=True).first())
    return Remote(
        path(workspace),
        workspace.origin,
        only_branches=only_branches,
        on_only_branches=lambda value: row.update(only_branches=value),
    )
