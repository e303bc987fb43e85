"""An entry begins to wait for approval once its merge is built and judged; the same again on each new tip, while it waits."""

from django.db.models.functions import Now

from orchestration.backlog import entry_state
from orchestration.backlog.rules.transitions import Next
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.models import Approval, Entry, Landing, TreeVerdict
from workspaces import activity
from workspaces.access import MUSTER


def keep(landing: Landing, why: str, *, tip: str, commit: str, verdict: TreeVerdict | None) -> bool:
    """Note what was tried, and let the entry wait if it does not yet. False: it was decided meanwhile, or withdrawn. The caller's transaction
    holds the executor's row."""
    undecided = Landing.objects.filter(pk=landing.pk, state__in=Landing.NOT_ENDED, intent__isnull=True, approval__isnull=True)
    noted = undecided.update(
        state=Landing.State.WAITING,
        approval_needed=why[:300],
        tried_tip=tip,
        tried_commit=commit,
        tried_verdict=verdict,
        tried_at=Now(),
    )
    if not noted or landing.entry_id is None:
        return bool(noted)
    entry = Entry.objects.select_related("account").get(pk=landing.entry_id)
    if entry.status == Entry.Status.IN_PROGRESS and entry.deleted_at is None:
        void(entry, but=landing.commit)
        entry_state.move(entry, Next("pending", Reason.WAITING_FOR_APPROVAL, f"Waiting for approval: {why}"))
        event = events.EntryApprovalAsked(commit=landing.commit, entry=entry.pk, seq=entry.seq, title=entry.title)
        activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk, reason=why)
    return True


def void(entry: Entry, *, but: str = "") -> None:
    """Approvals of earlier work are void. `but`: the commit that keeps its own."""
    landed = Landing.objects.filter(entry=entry, state=Landing.State.LANDED).values("commit")
    standing = Approval.objects.filter(entry=entry, void_at__isnull=True).exclude(commit=but).exclude(commit__in=landed)
    for approval in standing:
        if Approval.objects.filter(pk=approval.pk, void_at__isnull=True).update(void_at=Now()):
            event = events.EntryApprovalVoid(commit=approval.commit, entry=entry.pk)
            activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk, reason=f"Approved by {approval.by}")
