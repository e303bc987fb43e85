"""Commits on the integration branch that Muster did not write: judged before anything starts from them.

A descendant of the known tip that is good is adopted; one that is red stops dispatch until it is corrected. Commits beside the tip are merged
like the base branch. A branch that was moved back or rewritten waits for a person.
"""

import structlog

from orchestration.facts import events
from orchestration.git import branches, history
from orchestration.git import command as git
from orchestration.landing import branch, queue
from orchestration.messaging import wake_ups
from orchestration.models import Landing, Session, TreeVerdict
from orchestration.verdicts import comparison, store
from orchestration.verdicts.comparison import Question, Result
from orchestration.worker.judging.checks import CannotJudge
from orchestration.worker.lander import judging, refs
from orchestration.worker.lander.lease import Lease
from workspaces import activity
from workspaces.access import MUSTER

log = structlog.get_logger(__name__)

State = branch.State
MAX_DROPPED = 200
MAX_NAMED = 20


def examine(lease: Lease) -> bool:
    """Look at the branch. Returns whether work may land on the known tip. Raises Fenced or Halted."""
    row = lease.row
    here = branches.tip_or_raise(lease.bench.repo, lease.bench.branch)
    if not row.tip:
        return _first_baseline(lease, here)
    if refs.is_between(lease.bench.repo, row.delivered, here, row.tip):
        if row.state != State.GOOD and row.foreign_tip:
            _recovered(lease, "the branch is where Muster left it")
        refs.deliver(lease, row.tip, here=here)
        return _known_tip(lease, row.tip)
    if here == row.foreign_tip and row.state in branch.STOPS_DISPATCH and not row.recheck:
        return False
    return _foreign(lease, row.tip, here)


def _first_baseline(lease: Lease, here: str) -> bool:
    """Whatever the first tip is, later work is compared with it."""
    if not _baseline(lease, here, store.Kind.BASELINE):
        return False
    _adopt(lease, here)
    return True


def _known_tip(lease: Lease, tip: str) -> bool:
    """The tip's verdict is there: made now when the checks have changed, or a person requested it."""
    row = lease.row
    if (
        lease.bench.config.verify
        and (row.recheck or judging.known(lease.bench, tip) is None)
        and not _baseline(lease, tip, store.Kind.TIP)
    ):
        return False
    if row.state != State.GOOD or row.recheck:
        lease.write(state=State.GOOD, message="", recheck=False)
        wake_ups.enqueue_cycle(lease.workspace_id)
    return True


def _baseline(lease: Lease, commit: str, kind: store.Kind) -> bool:
    """Run the checks on a commit. False: they cannot run, and nothing is dispatched until they can."""
    if not lease.bench.config.verify:
        return True
    try:
        if kind == store.Kind.TIP or judging.known(lease.bench, commit) is None:
            judging.judge_base(lease, commit, kind)
    except CannotJudge as problem:
        _stop(lease, State.UNUSABLE, f"The checks cannot run on {commit[:12]}: {problem}", foreign="")
        return False
    return True


def _foreign(lease: Lease, tip: str, here: str) -> bool:
    row = lease.row
    is_ahead = history.contains(lease.bench.repo, here, tip)
    if not is_ahead:
        return _diverged(lease, tip, here)
    if not lease.bench.origin and not row.adopt_foreign and not row.recheck and _is_at_work(lease, here):
        message = (
            f"{_count(lease, tip, here)} appeared on {lease.bench.branch} while sessions were running: "
            "an agent may have written it. Adopt it, or put the branch back"
        )
        _stop(lease, State.WAITING, message, foreign=here)
        return False
    try:
        passed = _judge(lease, tip, here)
    except CannotJudge as problem:
        _stop(lease, State.UNUSABLE, f"The checks cannot run on {here[:12]}: {problem}", foreign=here)
        return False
    if passed.passed:
        _adopt(lease, here, count=_count(lease, tip, here))
        return True
    culprit = _bisect(lease, tip, here)
    finding = passed.findings[0].split("\n")[0].removesuffix(" Last output:") if passed.findings else "the checks fail"
    subject = git.run(lease.bench.repo, "log", "-1", "--format=%h %s", culprit)[:120]
    _stop(lease, State.RED, f"{lease.bench.branch} is red since {subject}: {finding}", foreign=here, culprit=culprit)
    return False


def _diverged(lease: Lease, tip: str, here: str) -> bool:
    """The branch does not contain the known tip: commits beside undelivered landings are merged, once; anything else waits for a person."""
    row = lease.row
    extends = row.delivered not in ("", tip) and history.contains(lease.bench.repo, here, row.delivered)
    if extends:
        merges = Landing.objects.filter(workspace_id=lease.workspace_id, kind=Landing.Kind.BASE, commit=here)
        if row.recheck or not merges.filter(state=Landing.State.REFUSED).exists():
            queue.enqueue_branch(lease.workspace_id, Landing.Kind.BASE, here)
        elif row.foreign_tip != here:
            lease.write(foreign_tip=here)  # seen: work goes on without it, and the page says why
        return _known_tip(lease, tip)
    message = f"{lease.bench.branch} was moved by somebody else: {_dropped(lease, tip, here)} no longer in it. Accept it, or put it back"
    _stop(lease, State.WAITING, message, foreign=here)
    return False


def _dropped(lease: Lease, tip: str, here: str) -> str:
    """The landed commits that a moved branch has lost, with their entries."""
    commits = git.run(lease.bench.repo, "rev-list", "--first-parent", f"{here}..{tip}").split()
    landed = Landing.objects.filter(workspace_id=lease.workspace_id, intent__new__in=commits[:MAX_DROPPED], entry__isnull=False)
    seqs = landed.order_by("entry__seq").values_list("entry__seq", flat=True)[:MAX_NAMED]
    entries = f" ({', '.join(f'#{seq}' for seq in seqs)})" if seqs else ""
    return f"1 landed commit{entries} is" if len(commits) == 1 else f"{len(commits)} landed commits{entries} are"


def _judge(lease: Lease, tip: str, here: str) -> Result:
    """A foreign tip, compared with the last good one. Raises CannotJudge."""
    if not lease.bench.config.verify:
        return Result(passed=True, score=1.0, base_score=1.0)
    base = judging.base_runs(lease, tip)
    verdict = judging.known(lease.bench, here) if not lease.row.recheck else None
    if verdict is not None and verdict.kind == TreeVerdict.Kind.ACCEPTED:
        return Result(passed=True, score=1.0, base_score=1.0)
    if verdict is None:
        verdict = judging.judge_base(lease, here, store.Kind.TIP)
    question = Question(policy=lease.bench.config.pass_policy, needs_gain=False, only_regressions=True)
    return comparison.compare(list(store.runs_of(verdict).values()), base, question)


def _bisect(lease: Lease, good: str, bad: str) -> str:
    """The first commit of the first-parent line that is red. Commits on which the checks cannot run count as red."""
    line = git.run(lease.bench.repo, "rev-list", "--first-parent", "--reverse", f"{good}..{bad}").split()
    low, high = -1, len(line) - 1
    while high - low > 1:
        middle = (low + high) // 2
        try:
            passed = _judge(lease, good, line[middle]).passed
        except CannotJudge:
            passed = False
        low, high = (middle, high) if passed else (low, middle)
    return line[high] if line else bad


def _adopt(lease: Lease, commit: str, *, count: str = "") -> None:
    """Work starts from this commit from now on."""
    lease.write(
        tip=commit, delivered=commit, state=State.GOOD, message="", foreign_tip="", culprit="", recheck=False, undelivered=""
    )
    refs.follow_row(lease)
    if count:
        event = events.TipAdopted(count=count, commit=commit)
        activity.record(lease.workspace_id, event, by=MUSTER, object_id=lease.workspace_id)
    lease.announce()


def _recovered(lease: Lease, why: str) -> None:
    lease.write(state=State.GOOD, message="", foreign_tip="", culprit="", recheck=False)
    activity.record(lease.workspace_id, events.IntegrationGood(), by=MUSTER, object_id=lease.workspace_id, reason=why)
    lease.announce()


def _stop(lease: Lease, state: State, message: str, *, foreign: str, culprit: str = "") -> None:
    """Nothing is dispatched from now on; recorded once."""
    before = lease.row
    lease.write(state=state, message=message[:1000], foreign_tip=foreign, culprit=culprit, recheck=False)
    if (before.state, before.message) != (state, message[:1000]):
        event = events.IntegrationStopped(state=state, commit=foreign or before.tip)
        activity.record(lease.workspace_id, event, by=MUSTER, object_id=lease.workspace_id, reason=message[:500])
        wake_ups.enqueue_deliveries()
    wake_ups.publish_change(lease.workspace_id, "landing", "executor", "entries")


def _is_at_work(lease: Lease, here: str) -> bool:
    """True if an agent could have written this tip: a session runs that did not start from it."""
    running = Session.objects.filter(workspace_id=lease.workspace_id, status=Session.Status.RUNNING, rounds__isnull=False)
    return running.exclude(rounds__base_commit=here).exists()


def _count(lease: Lease, tip: str, here: str) -> str:
    number = git.run(lease.bench.repo, "rev-list", "--count", f"{tip}..{here}")
    return f"{number} commit" if number == "1" else f"{number} commits"
