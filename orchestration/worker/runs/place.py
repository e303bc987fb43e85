"""The place where the agent of a run works, and its tools."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.configuration import Agent, Config
from orchestration.git.clones.store.stores import Store
from orchestration.models import Session
from orchestration.proposals.roles import Role
from orchestration.repositories import local_repository
from orchestration.sessions.folders import session_dir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.sandbox import Sandboxes, Started
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run import outcomes
from orchestration.worker.steps.context import SessionOver, scratch
from workspaces.secrets.masking import Mask


@dataclass(frozen=True)
class Place:
    """`agent`: of the run's role. `cwd`: its clone of `commit`."""

    session: Session
    role: Role
    agent: Agent
    config: Config
    stop_flags: StopFlags
    writer: log_chunks.Writer
    sandboxes: Sandboxes
    mask: Mask
    cwd: Path
    commit: str

    @property
    def repo(self) -> Path:
        return local_repository.path(self.session.workspace)

    @property
    def store(self) -> Store:
        return session_dir.store(self.session.workspace_id, self.repo)

    def start(self, working_copy: Path, env: Mapping[str, str]) -> Started:
        """The environment, sandbox and limits with which a command of the workspace starts in this working copy."""
        directory = session_dir.for_session(self.session.pk)
        return self.sandboxes.start(working_copy, env, scratch=scratch(self.session, working_copy), files=directory.files)

    def check_stop_requests(self) -> None:
        """Raises SessionOver if the run must end."""
        if self.stop_flags.reason:
            raise SessionOver(outcomes.requested_end(self.stop_flags.reason, self.session))
