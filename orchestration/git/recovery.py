"""What an agent or a crash may have done to a worktree's own git: locks, a rebase half done, another branch, a branch that is gone."""

from pathlib import Path

from orchestration.git import branches, conflicts
from orchestration.git import command as git
from orchestration.git.command import GitError


def release_locks(path: Path, branch: str) -> None:
    for name in ("index.lock", "HEAD.lock"):
        inside(path, name).unlink(missing_ok=True)
    release_branch_lock(path, branch)


def release_branch_lock(place: Path, branch: str) -> None:
    """Only of a branch that is ours alone: another ref's lock may be the user's."""
    branches.lock_file(place, branch).unlink(missing_ok=True)


def abort_rebase(path: Path) -> None:
    """Half of a rebase is nothing to keep: all that it was to move is there as it was."""
    for state in ("rebase-merge", "rebase-apply"):
        if inside(path, state).exists() and git.attempt(path, "rebase", "--abort")[0]:
            git.attempt(path, "rebase", "--quit")


def restore_branch(path: Path, branch: str) -> None:
    """Somebody deleted the branch. The worktree's own log still knows its last commit."""
    log = inside(path, "logs/HEAD")
    last = log.read_text(errors="replace").splitlines()[-1].split()[1] if log.exists() else ""
    if not last:
        raise GitError("prepare", f"the branch {branch!r} of {path} was deleted and cannot be found again")
    git.run(path, "update-ref", f"refs/heads/{branch}", last, branches.ABSENT)


def is_astray(path: Path, branch: str) -> bool:
    """The agent switched to another branch, or to none."""
    return git.attempt(path, "symbolic-ref", "--quiet", "HEAD")[1].strip() != f"refs/heads/{branch}"


def detach(path: Path, branch: str) -> None:
    """On no branch, with the files as they are: what is committed now moves nobody's branch."""
    code, here, _ = git.attempt(path, "rev-parse", "--verify", "--quiet", "HEAD")
    start = branches.tip_or_raise(path, branch) if code else here.strip()  # it may be on a branch that has no commit yet
    git.run(path, "update-ref", "--no-deref", "HEAD", start)


def bring_home(path: Path, branch: str) -> None:
    """Put what a clean, detached worktree has on its own branch, beside what is there already. Killed in between, it can be done again."""
    here, ours = git.run(path, "rev-parse", "HEAD"), branches.tip_or_raise(path, branch)
    joined = _joined(path, ours, here)
    git.run(path, "reset", "--hard", "--quiet", joined)
    git.run(path, "update-ref", f"refs/heads/{branch}", joined, ours)
    git.run(path, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def _joined(path: Path, ours: str, here: str) -> str:
    """The commit that has both. Where they do not go together the files stay as the agent left them last, and history has the others."""
    if git.succeeds(path, "merge-base", "--is-ancestor", ours, here):
        return here
    if git.succeeds(path, "merge-base", "--is-ancestor", here, ours):
        return ours
    git.run(path, "update-ref", f"refs/muster/strayed/{path.name}/{here[:12]}", here)  # so that nothing is lost
    tree = f"{here}^{{tree}}"
    if git.succeeds(path, "merge-base", ours, here):
        both = conflicts.merged(path, ours, here)
        tree = tree if both.files else both.sha
    return git.run(path, "commit-tree", tree, "-p", ours, "-p", here, "-m", "Bring back what was done beside the branch")


def inside(path: Path, name: str) -> Path:
    return Path(git.run(path, "rev-parse", "--path-format=absolute", "--git-path", name))
