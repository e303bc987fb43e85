"""The state that the steps of one session share."""

from dataclasses import dataclass, field
from pathlib import Path

from orchestration.git.clones.working_copies import WorkingCopy
from orchestration.git.prepared import Prepared
from orchestration.models import Entry, Round, Session, TreeVerdict
from orchestration.sessions import supervise
from orchestration.sessions.folders import session_dir
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.stop_flags import StopFlags
from orchestration.sessions.supervise import SupervisedProcess
from orchestration.worker.agent_run import outcomes
from orchestration.worker.endings import Facts, SessionOver
from orchestration.worker.preparing.workbench import SessionBench
from orchestration.worker.steps.work import Work

SETUP_TIMEOUT_S = 1800


@dataclass
class RoundContext:
    """The running session. `copy`: the entry's working copy, `worktree` as it was prepared. `given`: the test files of the entry's spec.
    `protected`: the files of the base commit that judge the work and that the entry does not name. `verdict`: the stored verdict on its commit's tree. `drawn_before`: micro-USD drawn from its reservation when its agent last stopped for lack of money.
    `is_unchanged`: its agent changed nothing in this round."""

    session: Session
    entry: Entry
    bench: SessionBench
    stop_flags: StopFlags
    writer: log_chunks.Writer
    copy: WorkingCopy
    worktree: Prepared
    given: dict[str, str]
    protected: list[str]
    round: Round = field(init=False)
    work: Work = field(init=False)
    verdict: TreeVerdict | None = None
    drawn_before: int = 0
    is_unchanged: bool = False

    def check_stop_requests(self) -> None:
        """Raises SessionOver if the session must end."""
        if self.stop_flags.reason:
            raise SessionOver(outcomes.requested_end(self.stop_flags.reason, self.session))

    def set_up(self, cwd: Path) -> None:
        """Run the workspace's setup commands in a new working copy. Raises SessionOver if one fails."""
        bench = self.bench
        for n, command in enumerate(bench.config.setup, start=1):
            env = session_dir.environment(self.session, bench.directory, phase="setup", extra=bench.config.agent.env)
            started = bench.start(cwd, env)
            job = SupervisedProcess(
                supervise.argv_of(command),
                str(cwd),
                started.env,
                SETUP_TIMEOUT_S,
                name=f"setup-{n}",
                sandbox=started.sandbox,
                limits=started.limits,
            )
            ended = supervise.run(self.session, bench.directory, job, self.stop_flags, self.writer)
            self.check_stop_requests()
            if ended.exit_code != 0:
                message = f"Setup command {n} failed: {ended.error or f'exit {ended.exit_code}'}"
                raise SessionOver(Facts("failed", "config", (message,), exit_code=ended.exit_code))
