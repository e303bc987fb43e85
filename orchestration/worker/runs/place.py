"""A run's context: its clone and its surroundings."""

from dataclasses import dataclass
from pathlib import Path

from orchestration.configuration import Agent
from orchestration.models import Session
from orchestration.proposals.roles import Role
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.stop_flags import StopFlags
from orchestration.worker.agent_run import outcomes
from orchestration.worker.endings import SessionOver
from orchestration.worker.preparing.workbench import SessionBench


@dataclass(frozen=True)
class Place:
    """A run, with its clone of a commit."""

    session: Session
    role: Role
    agent: Agent  # of the run's role
    bench: SessionBench
    stop_flags: StopFlags
    writer: log_chunks.Writer
    cwd: Path  # the clone
    commit: str

    def check_stop_requests(self) -> None:
        """Raises SessionOver at a stop request."""
        if self.stop_flags.reason:
            raise SessionOver(outcomes.requested_end(self.stop_flags.reason, self.session))
