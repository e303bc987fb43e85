"""A workspace's work as one bundle: the refs of the repository on this host, and what only its authority has.

All of it is put together in a repository of its own that borrows the objects: no ref of anybody's moves.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestration import configuration
from orchestration.git import command as git
from orchestration.git import history, places
from orchestration.landing import branch
from orchestration.models import Executor
from orchestration.repositories import claims, local_repository
from orchestration.repositories.authority import Unreachable
from workspaces.models import Workspace

TIMEOUT_S = 3600.0
LOOKS, LOOK_AGAIN_S = 3, 2.0
"""A lander names a commit before it pushes it."""
OWN = ("refs/muster/", "refs/heads/muster/")
KEPT = "refs/muster/kept/"
"""Commits that rows name and no branch contains."""


def save(workspace: Workspace, target: Path, named: Sequence[Mapping[str, set[str]]]) -> list[str]:
    """Write the bundle, if there is anything. Returns what it lacks, as sentences. `named`: commits that rows name, with what each is the work
    of; lacking are those that all name. Raises GitError."""
    repo, scratch = local_repository.path(workspace), target.with_suffix(".git")
    _begin(workspace, repo, scratch)
    for look in range(LOOKS):
        time.sleep(LOOK_AGAIN_S if look else 0)
        away = [] if local_repository.has_all(workspace) else _fetch(workspace, scratch)
        lacks = away + _keep(scratch, named)
        if away or not lacks or local_repository.has_all(workspace):
            break
    if git.run(scratch, "for-each-ref", "--count=1"):
        git.run(scratch, "bundle", "create", "--quiet", str(target), "--all", timeout_s=TIMEOUT_S)
    elif not lacks:
        lacks.append(f"{repo} has no branch of this workspace, or is not on this host")
    return lacks


def integration_branch(workspace: Workspace) -> str:
    return configuration.load(Executor.objects.get(pk=workspace.pk).config).integration_branch


def of(repo: Path, *patterns: str) -> dict[str, str]:
    """The refs of a repository and their commits."""
    listed = git.run(repo, "for-each-ref", "--format=%(refname) %(objectname)", *patterns).splitlines()
    return dict(line.split(" ") for line in listed)


def _begin(workspace: Workspace, repo: Path, scratch: Path) -> None:
    """Make the scratch repository, with the refs of the repository on this host if there is one."""
    if not repo.is_dir():
        git.run(scratch.parent, "init", "--quiet", "--bare", str(scratch))
        return
    kind = git.run(repo, "rev-parse", "--show-object-format")
    git.run(scratch.parent, "init", "--quiet", "--bare", f"--object-format={kind}", str(scratch))
    common = places.common_dir(repo).resolve()
    (scratch / "objects/info/alternates").write_text(f"{common / 'objects'}\n")
    if (common / "shallow").exists():
        (scratch / "shallow").write_text((common / "shallow").read_text())
    named = [f"refs/heads/{name}" for name in (integration_branch(workspace), workspace.base_branch)]
    _set(scratch, of(repo, *OWN, *named))


def _fetch(workspace: Workspace, scratch: Path) -> list[str]:
    """Add what the authority has. Where both have a branch, the one that contains the other counts; where neither does, both are kept."""
    remote = local_repository.remote(workspace, scratch)
    before = of(scratch)
    named = [f"refs/heads/{name}" for name in (integration_branch(workspace), workspace.base_branch)]
    try:
        there = remote.refs(branch.ref_of(workspace.pk), *named) | remote.under(claims.PREFIX)
        remote.fetch(list(there))
    except Unreachable as problem:
        _set(scratch, before)
        return [f"What the repository that its hosts share has beyond this host: {problem}"]
    kept = {ref: sha for ref, sha in before.items() if there.get(ref, sha) != sha}
    ahead = {ref: sha for ref, sha in kept.items() if history.contains(scratch, sha, there[ref])}
    apart = [sha for ref, sha in kept.items() if ref not in ahead and not history.contains(scratch, there[ref], sha)]
    _set(scratch, ahead | {KEPT + sha: sha for sha in apart})
    return []


def _keep(scratch: Path, named: Sequence[Mapping[str, set[str]]]) -> list[str]:
    """Give each commit that rows name a ref where it has none. Returns those that are not here, as sentences."""
    asked = {sha for commits in named for sha in commits}
    answers = git.run(scratch, "cat-file", "--batch-check=%(objectname)", text="".join(f"{sha}^{{commit}}\n" for sha in asked))
    there = asked.intersection(answers.splitlines())
    if there:
        refs = "\n".join([*there, "--not", "--all"]) + "\n"
        loose = there & set(git.run(scratch, "rev-list", "--stdin", text=refs, timeout_s=TIMEOUT_S).splitlines())
        _set(scratch, {KEPT + sha: sha for sha in loose})
    missing = sorted((sorted(named[-1][sha]), sha) for sha in asked - there if all(sha in commits for commits in named))
    return [f"Commit {sha[:12]} of {'; '.join(whose)}" for whose, sha in missing]


def _set(repo: Path, refs: Mapping[str, str]) -> None:
    git.run(repo, "update-ref", "--stdin", text="".join(f"update {ref} {sha}\n" for ref, sha in refs.items()))
