"""What the steps of one session share, and how any of them ends it."""

from dataclasses import dataclass, field
from pathlib import Path

from orchestration.configuration import Config
from orchestration.configuration.secrets import NO_MASK, Mask
from orchestration.git import worktrees
from orchestration.models import Entry, Round, Session
from orchestration.sessions import Ending, session_dir, supervise
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.stop_flags import StopFlags
from orchestration.sessions.supervise import Job
from orchestration.worker.agent_run import outcomes

SETUP_TIMEOUT_S = 1800


class SessionOver(Exception):
    """The session is over, with this ending: raised where that becomes clear."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


@dataclass
class RoundContext:
    """One session at work. `protected`: the files that judge it, as they are in the base commit. `unresolved`: those that hold a conflict with
    what others landed. `drawn_before`: micro-USD that its hold had paid when its agent last stopped for want of money."""

    session: Session
    entry: Entry
    config: Config
    watch: StopFlags
    writer: log_chunks.Writer
    tree: worktrees.Worktree
    mask: Mask = NO_MASK
    opened: Round | None = None
    protected: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    drawn_before: int = 0

    @property
    def repo(self) -> Path:
        return Path(self.session.workspace.repo)

    @property
    def round(self) -> Round:
        assert self.opened is not None
        return self.opened

    def check_wishes(self) -> None:
        """Raises Over when the session must end."""
        if self.watch.reason:
            raise SessionOver(outcomes.wanted(self.watch.reason, self.session))

    def set_up(self, cwd: Path) -> None:
        """The workspace's setup commands in a fresh working copy. Raises Over when one fails."""
        here = session_dir.of(self.session.pk)
        for n, command in enumerate(self.config.setup, start=1):
            env = session_dir.environment(self.session, here, phase="setup", extra=self.config.agent.env)
            job = Job(supervise.argv_of(command), str(cwd), env, SETUP_TIMEOUT_S, name=f"setup-{n}")
            ended = supervise.follow(self.session, here, job, self.watch, self.writer)
            self.check_wishes()
            if ended.exit_code != 0:
                message = f"Setup command {n} failed: {ended.error or f'exit {ended.exit_code}'}"
                raise SessionOver(Ending(Session.Outcome.CRASHED, message, exit_code=ended.exit_code, findings=(message,)))
