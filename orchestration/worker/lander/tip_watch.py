"""Foreign commits on the integration branch, judged before anything starts from them.

A good descendant of the known tip is adopted. A red one stops dispatch until its correction. Diverged commits are merged like the base branch. A reset or
rewritten branch waits for a person.
"""

import structlog

from orchestration.facts import events
from orchestration.git import branches, changes, history
from orchestration.git import command as git
from orchestration.landing import branch, queue
from orchestration.messaging import wake_ups
from orchestration.models import Landing, Session, TreeVerdict
from orchestration.sessions.stages import caches
from orchestration.worker.judging.checks import CannotJudge
from orchestration.worker.lander import judging, refs
from orchestration.worker.lander.lease import Lease
from workspaces.activity.events import ActivityEvent

log = structlog.get_logger(__name__)

State = branch.State
MAX_DROPPED = 200
MAX_NAMED = 20


def examine(lease: Lease) -> bool:
    """Examine the branch. Returns True if work may land on the known tip. Raises Fenced or Halted."""
    row = lease.row
    here = branches.tip_or_raise(lease.bench.repo, lease.bench.branch)
    if not row.tip:
        return _first_baseline(lease, here)
    if refs.is_between(lease.bench.repo, row.delivered, here, row.tip):
        if row.state != State.GOOD and row.foreign_tip:
            _good(lease, events.IntegrationGood(), "the branch is where Muster left it", foreign_tip="", culprit="")
        refs.deliver(lease, row.tip, here=here)
        return _known_tip(lease, row.tip)
    if here == row.foreign_tip and row.state in branch.STOPS_DISPATCH and not row.recheck:
        return False
    return _foreign(lease, row.tip, here)


def _first_baseline(lease: Lease, here: str) -> bool:
    """Judge the first tip. Later work is compared with it, whatever its results."""
    if not _baseline(lease, here, TreeVerdict.Kind.BASELINE):
        return False
    _adopt(lease, here)
    return True


def _known_tip(lease: Lease, tip: str) -> bool:
    """Ensure the tip's verdict: a new one after a change of the checks, or at a person's request."""
    row = lease.row
    if not _baseline(lease, tip, TreeVerdict.Kind.TIP, anew=row.recheck):
        return False
    if lease.bench.config.caches:
        caches.adopt(lease.workspace_id, changes.tree_of(lease.bench.repo, tip), lease.bench.config.caches)
    if row.state != State.GOOD or row.recheck:  # the row from before: a person's later request stays due
        _good(lease)
    return True


def _baseline(lease: Lease, commit: str, kind: TreeVerdict.Kind, *, anew: bool = False) -> bool:
    """Ensure the checks' results on a commit. False: they cannot run, and dispatch stops until they can."""
    if not lease.bench.config.verify:
        return True
    try:
        judging.of_commit(lease, commit, kind, anew=anew)
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
        result = judging.of_foreign(lease, tip, here)
    except CannotJudge as problem:
        _stop(lease, State.UNUSABLE, f"The checks cannot run on {here[:12]}: {problem}", foreign=here)
        return False
    if result.passed:
        count = _count(lease, tip, here)
        _adopt(lease, here, events.TipAdopted(count=count, commit=here))
        return True
    culprit = _bisect(lease, tip, here)
    finding = result.findings[0].split("\n")[0].removesuffix(" Last output:") if result.findings else "the checks fail"
    subject = git.run(lease.bench.repo, "log", "-1", "--format=%h %s", culprit)[:120]
    _stop(lease, State.RED, f"{lease.bench.branch} is red since {subject}: {finding}", foreign=here, culprit=culprit)
    return False


def _diverged(lease: Lease, tip: str, here: str) -> bool:
    """Handle a branch without the known tip. Commits beside undelivered landings are merged, once. Anything else waits for a person."""
    row = lease.row
    extends = row.delivered not in ("", tip) and history.contains(lease.bench.repo, here, row.delivered)
    if extends:
        merges = Landing.objects.filter(workspace_id=lease.workspace_id, kind=Landing.Kind.BASE, commit=here)
        if row.recheck or not merges.filter(state=Landing.State.REFUSED).exists():
            queue.enqueue_branch(lease.workspace_id, Landing.Kind.BASE, here)
        elif row.foreign_tip != here:
            lease.write(foreign_tip=here)  # seen: work continues without it, and the page shows why
        return _known_tip(lease, tip)
    message = f"{lease.bench.branch} was moved by somebody else: {_dropped(lease, tip, here)} no longer in it. Accept it, or put it back"
    _stop(lease, State.WAITING, message, foreign=here)
    return False


def _dropped(lease: Lease, tip: str, here: str) -> str:
    """The landed commits missing in a moved branch, with their entries."""
    commits = _commits(lease, here, tip, "--first-parent")
    landed = Landing.objects.filter(workspace_id=lease.workspace_id, intent__new__in=commits[:MAX_DROPPED], entry__isnull=False)
    seqs = landed.order_by("entry__seq").values_list("entry__seq", flat=True)[:MAX_NAMED]
    entries = f" ({', '.join(f'#{seq}' for seq in seqs)})" if seqs else ""
    return f"1 landed commit{entries} is" if len(commits) == 1 else f"{len(commits)} landed commits{entries} are"


def _bisect(lease: Lease, good: str, bad: str) -> str:
    """The first red commit of the first-parent line. Unjudgeable commits count as red."""
    line = _commits(lease, good, bad, "--first-parent")[::-1]
    low, high = -1, len(line) - 1
    while high - low > 1:
        middle = (low + high) // 2
        try:
            passed = judging.of_foreign(lease, good, line[middle]).passed
        except CannotJudge:
            passed = False
        low, high = (middle, high) if passed else (low, middle)
    return line[high] if line else bad


def _adopt(lease: Lease, commit: str, event: events.TipAdopted | None = None) -> None:
    """Adopt a commit as the tip."""
    _good(lease, event, tip=commit, delivered=commit, foreign_tip="", culprit="", undelivered="")


def _good(lease: Lease, event: ActivityEvent | None = None, reason: str = "", **fields: str) -> None:
    """Mark the tip good. Muster's own ref moves first: other hosts fetch it."""
    lease.write(event, reason, state=State.GOOD, message="", recheck=False, **fields)
    refs.follow_row(lease)
    lease.announce()


def _stop(lease: Lease, state: State, message: str, *, foreign: str, culprit: str = "") -> None:
    """Stop dispatch. Recorded once."""
    before = lease.row
    is_new = (before.state, before.message) != (state, message[:1000])
    event = events.IntegrationStopped(state=state, commit=foreign or before.tip) if is_new else None
    fields = {"state": state, "message": message[:1000], "foreign_tip": foreign, "culprit": culprit}
    lease.write(event, message[:500], recheck=False, **fields)
    wake_ups.publish_change(lease.workspace_id, "landing", "executor", "entries")


def _is_at_work(lease: Lease, here: str) -> bool:
    """True if an agent may have written this tip: a session started from another one runs."""
    running = Session.objects.filter(workspace_id=lease.workspace_id, status=Session.Status.RUNNING, rounds__isnull=False)
    return running.exclude(rounds__base_commit=here).exists()


def _count(lease: Lease, tip: str, here: str) -> str:
    number = len(_commits(lease, tip, here))
    return "1 commit" if number == 1 else f"{number} commits"


def _commits(lease: Lease, since: str, until: str, *options: str) -> list[str]:
    """The commits of a range, newest first."""
    return git.run(lease.bench.repo, "rev-list", *options, f"{since}..{until}").split()
