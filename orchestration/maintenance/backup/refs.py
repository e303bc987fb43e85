"""What Muster has in the repositories of its workspaces, as bundles; and put back, with a repository where there is none."""

from pathlib import Path

from django.conf import settings

from orchestration import configuration
from orchestration.git import branches
from orchestration.git import command as git
from orchestration.models import Executor
from orchestration.repositories import here
from workspaces import hosts
from workspaces.models import Workspace

TIMEOUT_S = 3600.0
OWN = ("refs/muster/*", "refs/heads/muster/*")


def save(workspace: Workspace, target: Path) -> bool:
    """The base branch, the integration branch and all refs of Muster's own. False: the repository is not on this host. Raises GitError."""
    repo = here.path(workspace)
    if not repo.is_dir():
        return False
    names = git.run(repo, "for-each-ref", "--format=%(refname)", "refs/muster/", "refs/heads/muster/").split()
    named = (_integration(workspace), workspace.base_branch)
    chosen = sorted({*names, *(f"refs/heads/{name}" for name in named if branches.tip(repo, name))})
    if not chosen:
        return False
    git.run(repo, "bundle", "create", "--quiet", str(target), "--stdin", text="\n".join(chosen) + "\n", timeout_s=TIMEOUT_S)
    return True


def load(workspace: Workspace, source: Path) -> str:
    """Put the refs back. Into the workspace's own repository if it is there and has none of them; else into a new one in the data directory.
    Returns what was done, as a sentence. Raises GitError."""
    repo = Path(workspace.repo)
    is_there = repo.is_dir() and branches.tip(repo, workspace.base_branch) is not None
    if not is_there:
        repo = Path(settings.DATA_DIR) / "repos" / workspace.pk
        repo.mkdir(parents=True)
        git.run(repo, "init", "--quiet", "--initial-branch", workspace.base_branch)
        if workspace.origin:
            git.run(repo, "remote", "add", "origin", workspace.origin)
    listed = git.run(repo, "bundle", "list-heads", str(source)).splitlines()
    refs = [line.partition(" ")[2] for line in listed]
    specs = [f"{ref}:{ref}" for ref in refs if not (is_there and ref == f"refs/heads/{workspace.base_branch}")]
    git.run(repo, "fetch", "--quiet", "--no-tags", "--force", "--update-head-ok", str(source), *specs, timeout_s=TIMEOUT_S)
    Workspace.objects.filter(pk=workspace.pk).update(repo=str(repo), host_id=hosts.host_id())
    return f"{workspace.name}: {len(specs)} refs put into {repo}" + ("" if is_there else ", a new repository")


def _integration(workspace: Workspace) -> str:
    return configuration.load(Executor.objects.get(pk=workspace.pk).config).integration_branch
