"""An entry's working copy on this host, as sessions and landers use it: prepare, commit, export, discard. Behind it is a git worktree of
the workspace's repository (`worktrees`); nothing else depends on that.
"""

from dataclasses import dataclass
from pathlib import Path

from orchestration.git import large_files, worktrees
from orchestration.git.worktrees import Worktree


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """`name`: the folder's, in `root`. `branch`: the entry's, in the workspace's repository."""

    repo: Path
    root: Path
    name: str
    branch: str

    @property
    def path(self) -> Path:
        return self.root / self.name

    def exists(self) -> bool:
        return worktrees.is_worktree(self.repo, self.path)

    def prepare(self, integration_branch: str, *, start: str, leave_conflicts: bool) -> Worktree:
        """Make it, or recover it after a crash, with `start` merged in if that merges cleanly; `leave_conflicts`: or with the conflicts in its
        files. Call it only while no agent of the entry is running. Raises GitError."""
        return worktrees.prepare(
            self.repo,
            self.root,
            self.name,
            integration_branch,
            branch=self.branch,
            start=start,
            leave_conflicts=leave_conflicts,
        )

    def commit(self, message: str, *, max_bytes: int = large_files.MAX_BYTES) -> str | None:
        """Commit everything in it but larger files on the entry's branch, wherever an agent has left HEAD. None: there was nothing to commit.
        Raises GitError."""
        return worktrees.commit(self.path, message, branch=self.branch, max_bytes=max_bytes)

    def export(self) -> str:
        """The commit of the entry's work, which the workspace's repository has from now on. Raises GitError."""
        return worktrees.head(self.path)

    def discard(self) -> bool:
        """Remove it; the branch stays. False: it stays, because it has work that exists nowhere else. Raises GitError."""
        return worktrees.remove(self.repo, self.path)
