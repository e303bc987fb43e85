"""The shared state of a session's steps."""

from dataclasses import dataclass, field

from orchestration.git.clones.working_copies import WorkingCopy
from orchestration.git.prepared import Prepared
from orchestration.models import Entry, Round, Session, TreeVerdict
from orchestration.sessions.logs import chunks as log_chunks
from orchestration.sessions.stop_flags import StopFlags
from orchestration.verdicts.comparison import Question
from orchestration.worker.agent_run import outcomes
from orchestration.worker.agent_run.doomed_rounds import ProgressWatch
from orchestration.worker.endings import SessionOver
from orchestration.worker.preparing.workbench import SessionBench
from orchestration.worker.steps.work import Work


@dataclass
class RoundContext:
    """The running session."""

    session: Session
    entry: Entry
    bench: SessionBench
    stop_flags: StopFlags
    writer: log_chunks.Writer
    copy: WorkingCopy  # of the entry
    worktree: Prepared  # the prepared copy
    given: dict[str, str]  # the test files of the entry's spec
    protected: list[str]  # judging files of the base commit, except for the entry's own
    question: Question  # the requirements on the work
    base_tree: str  # of the base commit
    round: Round = field(init=False)
    work: Work = field(init=False)
    verdict: TreeVerdict | None = None  # the stored one on its commit's tree
    drawn_before: int = 0  # micro-USD at the agent's last stop for lack of money
    is_unchanged: bool = False  # the agent changed nothing in this round
    progress_watch: ProgressWatch | None = None

    def check_stop_requests(self) -> None:
        """Raises SessionOver at a stop request."""
        if reason := self.stop_flags.reason:
            raise SessionOver(outcomes.requested_end(reason, self.session))
