"""A repository, an entry's clone of it, and a secret that no entry may reach."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.git import branches
from orchestration.git.clones.working_copies import WorkingCopy
from orchestration.git.prepared import Committed, Prepared
from tests.orchestration.git import copies
from tests.orchestration.git.repositories import a_repository, git, write

INTEGRATION = "muster/integration"


@dataclass
class Site:
    """`other`: a repository of somebody else's on the same disk. `ran`: a file that appears if a program of the agent's was run."""

    repo: Path
    root: Path
    other: Path
    ran: Path

    @property
    def copy(self) -> WorkingCopy:
        return copies.copy_of(self.repo, self.root)

    @property
    def path(self) -> Path:
        return self.root / "e1"

    def prepare(self) -> Prepared:
        return copies.prepare(self.repo, self.root, "e1", INTEGRATION)

    def commit(self) -> Committed:
        return self.copy.commit("round 1")

    def files(self) -> list[str]:
        return git(self.repo, "ls-tree", "-r", "--name-only", "muster/e1").split()

    def agent(self, *command: str) -> str:
        """The agent's own git, in its clone."""
        return git(self.path, *command)

    def agent_commits(self, name: str = "mine") -> str:
        write(self.path / name, "x\n")
        self.agent("add", "--all")
        self.agent("commit", "--quiet", "-m", f"add {name}")
        return self.agent("rev-parse", "HEAD")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """No ref of the user's but the entry's branch moves, whatever the test does."""
    repo = a_repository(tmp_path / "repo")
    branches.ensure_integration(repo, INTEGRATION, "main")
    other = a_repository(tmp_path / "other", secret="of somebody else\n")
    site = Site(repo, tmp_path / "root", other, tmp_path / "ran")
    before, settings = refs(repo), (repo / ".git/config").read_text()
    yield site
    assert refs(repo) == before
    assert (repo / ".git/config").read_text() == settings
    assert not site.ran.exists(), "a program of the agent's was run"


def refs(repo: Path) -> list[str]:
    return [line for line in git(repo, "for-each-ref").split("\n") if not line.endswith(("refs/heads/muster/e1", "/strayed/e1"))]
