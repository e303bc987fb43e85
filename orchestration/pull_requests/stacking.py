"""Work that begins from the open pull requests of what it depends on (`forge.stack`), and what becomes of it when one of them is closed."""

from orchestration.backlog import entry_state
from orchestration.backlog.rules.transitions import Next
from orchestration.facts.reasons import Reason
from orchestration.landing import queue
from orchestration.models import Dependency, Entry, PullRequest


def begin(entry_id: str) -> list[Entry]:
    """The entries that it depends on and that are not merged yet, in the order of their numbers: its work starts from their heads, which is
    noted."""
    edges = Dependency.objects.filter(entry=entry_id, depends_on__open_head__gt="")
    below = list(Entry.objects.filter(dependents__in=edges).order_by("seq"))
    Dependency.objects.filter(entry=entry_id, depends_on__in=below, is_stacked=False).update(is_stacked=True)
    return below


def unmerged_below(entry_id: str) -> list[PullRequest]:
    """The undecided pull requests that its work contains, the oldest first: they are to be merged before its own."""
    below = Dependency.objects.filter(entry=entry_id, is_stacked=True).values("depends_on")
    undecided = PullRequest.objects.filter(entry__in=below, state__in=PullRequest.UNDECIDED)
    return list(undecided.select_related("entry").order_by("entry__seq"))


def rejected_below(entry_id: str) -> Next | None:
    """The next state of work that contains a pull request which was closed: a person has decided against that part."""
    below = Dependency.objects.filter(entry=entry_id, is_stacked=True).exclude(depends_on__status=Entry.Status.DONE)
    closed = (
        below.filter(depends_on__reason_code=Reason.MERGE_REJECTED)
        .select_related("depends_on")
        .order_by("depends_on__seq")
        .first()
    )
    return _rejection(closed.depends_on) if closed else None


def reject_above(entry: Entry) -> None:
    """The pull request of this entry was closed: what waits and began from it goes to a person. A session at work goes on; its work is not
    proposed. The caller's transaction holds the executor's row."""
    edges = Dependency.objects.filter(depends_on=entry, is_stacked=True)
    above = Entry.objects.select_related("account").filter(
        dependencies__in=edges, status=Entry.Status.PENDING, is_container=False, deleted_at__isnull=True, has_rounds=True
    )
    for row in above:
        queue.stop_waiting([row.pk])
        entry_state.move(row, _rejection(entry))


def _rejection(below: Entry) -> Next:
    why = f"It contains the work of #{below.seq} {below.title}, whose pull request was closed"
    return Next("blocked", Reason.MERGE_REJECTED, why[:500])
