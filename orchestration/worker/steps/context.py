"""The state that the steps of one session share, and the exception with which a step ends it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.configuration import Config
from orchestration.git.clones.store.stores import Store
from orchestration.git.prepared import Prepared
from orchestration.models import Entry, Round, Session, TreeVerdict
from orchestration.repositories import local_repository
from orchestration.sessions import Ending, supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.sandbox import Sandboxes, Started
from orchestration.sessions.stop_flags import StopFlags
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker import endings
from orchestration.worker.agent_run import outcomes
from orchestration.worker.endings import Facts
from workspaces.secrets.masking import NO_MASK, Mask

SETUP_TIMEOUT_S = 1800


class SessionOver(Exception):
    """Ends the session with this ending, from within a step."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


@dataclass
class RoundContext:
    """The running session. `protected`: the files of the base commit that judge the work. `unresolved`: files with a conflict that is not
    resolved. `verdict`: the stored verdict on its commit's tree. `drawn_before`: micro-USD drawn from its reservation when its agent last stopped for lack of money.
    `is_unchanged`: its agent changed nothing in this round."""

    session: Session
    entry: Entry
    config: Config
    stop_flags: StopFlags
    writer: log_chunks.Writer
    worktree: Prepared
    sandboxes: Sandboxes
    mask: Mask = NO_MASK
    round_row: Round | None = None
    protected: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    verdict: TreeVerdict | None = None
    drawn_before: int = 0
    is_unchanged: bool = False

    @property
    def repo(self) -> Path:
        return local_repository.path(self.session.workspace)

    @property
    def store(self) -> Store:
        return session_dir.store(self.session.workspace_id, self.repo)

    @property
    def round(self) -> Round:
        assert self.round_row is not None
        return self.round_row

    def check_stop_requests(self) -> None:
        """Raises SessionOver if the session must end."""
        if self.stop_flags.reason:
            raise SessionOver(outcomes.requested_end(self.stop_flags.reason, self.session))

    def start(self, working_copy: Path, env: Mapping[str, str]) -> Started:
        """The environment, sandbox and limits with which a command of the workspace starts in this working copy."""
        directory = session_dir.for_session(self.session.pk)
        return self.sandboxes.start(working_copy, env, scratch=scratch(self.session, working_copy), files=directory.files)

    def set_up(self, cwd: Path) -> None:
        """Run the workspace's setup commands in a new working copy. Raises SessionOver if one fails."""
        here = session_dir.for_session(self.session.pk)
        for n, command in enumerate(self.config.setup, start=1):
            env = session_dir.environment(self.session, here, phase="setup", extra=self.config.agent.env)
            started = self.start(cwd, env)
            job = SupervisedProcess(
                supervise.argv_of(command),
                str(cwd),
                started.env,
                SETUP_TIMEOUT_S,
                name=f"setup-{n}",
                sandbox=started.sandbox,
                limits=started.limits,
            )
            ended = supervise.run(self.session, here, job, self.stop_flags, self.writer)
            self.check_stop_requests()
            if ended.exit_code != 0:
                message = f"Setup command {n} failed: {ended.error or f'exit {ended.exit_code}'}"
                raise SessionOver(endings.after(Facts("failed", "config", (message,), exit_code=ended.exit_code)))


def scratch(session: Session, working_copy: Path, role: str = "") -> Path:
    """The folder for a sandbox's private HOME and /tmp. The entry's own is kept with its working copy; what judges shares nothing with it."""
    if working_copy.name == session.entry_id:
        return session_dir.private_home(session.entry_id)
    return session_dir.for_session(session.pk).private / (f"{working_copy.name}-{role}" if role else working_copy.name)
