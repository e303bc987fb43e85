"""The state that the steps of one session share."""

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
    """The running session. `copy`: the entry's working copy, `worktree` as it was prepared. `given`: the test files of the entry's spec.
    `protected`: the files of the base commit that judge the work and that the entry does not name. `question`: the requirements on the work.
    `base_tree`: of the base commit. `verdict`: the stored verdict on its commit's tree. `drawn_before`: micro-USD drawn from its reservation when
    its agent last stopped for lack of money. `is_unchanged`: its agent changed nothing in this round. `progress_watch`: for signs that its round leads nowhere."""

    session: Session
    entry: Entry
    bench: SessionBench
    stop_flags: StopFlags
    writer: log_chunks.Writer
    copy: WorkingCopy
    worktree: Prepared
    given: dict[str, str]
    protected: list[str]
    question: Question
    base_tree: str
    round: Round = field(init=False)
    work: Work = field(init=False)
    verdict: TreeVerdict | None = None
    drawn_before: int = 0
    is_unchanged: bool = False
    progress_watch: ProgressWatch | None = None

    def check_stop_requests(self) -> None:
        """Raises SessionOver if the session must end."""
        if reason := self.stop_flags.reason:
            raise SessionOver(outcomes.requested_end(reason, self.session))
