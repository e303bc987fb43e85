"""The integration branch at the repository that several hosts share: fetched from there, and moved from where it was last seen."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from orchestration.git import branches, history
from orchestration.git.command import GitError
from orchestration.repositories import claims, local_repository
from orchestration.repositories.authority import ABSENT, Moved, Unreachable, bring
from orchestration.repositories.remote import Remote
from workspaces.models import Workspace

log = structlog.get_logger(__name__)


@dataclass
class SharedBranch:
    """`own_ref`: Muster's own ref, which the branch `name` follows. `seen`: the refs there, as last seen."""

    workspace: Workspace
    remote: Remote
    own_ref: str
    name: str
    base_branch: str
    seen: dict[str, str] = field(default_factory=dict)

    def fetch(self, tip: str) -> None:
        """Have the shared branches here, and there what landed while this host was alone. `tip`: the newest landed commit. Raises Unreachable,
        or GitError."""
        local_repository.ensure(self.workspace)
        named, repo = f"refs/heads/{self.name}", self.remote.repo
        self.seen = bring(self.remote, self.own_ref, named, f"refs/heads/{self.base_branch}")
        if named not in self.seen:
            self._begin(named, tip)
        if not tip:
            return
        if not history.has(repo, tip):
            raise GitError("fetch", f"The landed commit {tip[:12]} is on another host only: its session worker must be online")
        at = self.seen.get(self.own_ref, ABSENT)
        if at != tip and (not at or history.contains(repo, tip, at)):
            self._move(self.own_ref, tip)

    def fetch_work(self, entry_ids: Iterable[str]) -> None:
        """Have what other hosts shared of these entries here. Raises Unreachable."""
        bring(self.remote, *map(claims.ref_of, entry_ids))

    def move(self, ref: str, new: str) -> str:
        """Move a ref there, and then here. Returns why it did not move; empty: it did."""
        try:
            self._move(ref, new)
        except Moved:
            return "it was moved there by somebody else"
        except Unreachable as problem:
            return str(problem)
        return ""

    def _begin(self, named: str, tip: str) -> None:
        """It is not there yet: it begins where it is known to be, else where the base branch is."""
        repo = self.remote.repo
        start = tip or branches.tip(repo, self.name) or branches.tip_or_raise(repo, self.base_branch)
        try:
            if history.has(repo, start):
                self._move(named, start)
        except Moved:
            log.info("branch.began_elsewhere", workspace=self.workspace.pk)  # the next look sees it

    def _move(self, ref: str, new: str) -> None:
        """Raises Moved, or Unreachable."""
        self.remote.move(ref, new, before=self.seen.get(ref, ABSENT))
        self.seen[ref] = new
