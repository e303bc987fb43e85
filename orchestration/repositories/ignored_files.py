"""A workspace's files that git ignores: changed by people, and what becomes of them, before a session runs."""

from collections.abc import Iterator, Sequence

from django.db import transaction

from orchestration.git import branches
from orchestration.git.command import GitError
from orchestration.git.names import worktree_include
from orchestration.git.names.worktree_include import Included
from orchestration.messaging import wake_ups
from orchestration.models import Integration
from orchestration.repositories import local_repository
from workspaces.access import Caller
from workspaces.files import bundle
from workspaces.models import IgnoredFile, Workspace

NOT_KNOWN = "the repository is not on this host"


def put(workspace: Workspace, path: str, content: bytes, *, by: Caller) -> IgnoredFile:
    """Add or replace one. The checks run again on the base. Raises Invalid."""
    with transaction.atomic():
        row = bundle.put(workspace.pk, path, content, by=by)
        Integration.objects.filter(pk=workspace.pk).update(due=True)
    _announce(workspace)
    return row


def remove(workspace: Workspace, path: str, *, by: Caller) -> None:
    """Raises NotFound."""
    with transaction.atomic():
        bundle.remove(workspace.pk, path, by=by)
        Integration.objects.filter(pk=workspace.pk).update(due=True)
    _announce(workspace)


def of(workspace: Workspace, paths: Sequence[str]) -> Included:
    """Match the paths with those that the integration branch asks for, or the base branch before there is one."""
    return _included(workspace, paths, Integration.objects.filter(pk=workspace.pk).values_list("tip", flat=True).first())


def sentences(workspace: Workspace, integration: Integration | None) -> Iterator[str]:
    """Say which are missing, and which are not used. One query."""
    paths = list(bundle.of(workspace.pk).values_list("path", flat=True))
    included = _included(workspace, paths, integration.tip if integration else "")
    for name in included.missing:
        yield f"{name} is named in {worktree_include.NAME}, and the workspace has no such file: muster files put {name}"
    for path, reason in included.unused.items():
        yield f"{path} is not written into clones: {reason}"


def _included(workspace: Workspace, paths: Sequence[str], tip: str | None) -> Included:
    repo = local_repository.path(workspace)
    try:
        if commit := tip or branches.tip(repo, workspace.base_branch):
            return worktree_include.read(repo, commit, paths)
    except (GitError, OSError):
        pass
    return Included(dict.fromkeys(paths, NOT_KNOWN))


def _announce(workspace: Workspace) -> None:
    wake_ups.enqueue_cycle(workspace.pk)
    wake_ups.request_check()
    wake_ups.publish_change(workspace.pk, "executor", "landing")
