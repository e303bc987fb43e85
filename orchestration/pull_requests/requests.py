"""The rows of pull requests, and what their states mean for entries. Each step is one transaction, and does nothing a second time."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from orchestration.approval.findings import of_comment
from orchestration.backlog import entry_state, newest_work
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.forges.shared.interface import Check, Comment
from orchestration.landing import branch, queue
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Landing, PullRequest, ReviewComment, TreeVerdict
from orchestration.pull_requests import stacking
from workspaces import activity
from workspaces.access import MUSTER

State = PullRequest.State
MAX_CHECKS = 100


def propose(landing: Landing, *, base: str, tip: str, commit: str, verdict: TreeVerdict | None, stack: bool) -> bool:
    """Note what was judged, and let the entry wait for the merge. `stack`: what depends on it waits no longer. False: it was withdrawn meanwhile. The caller's transaction holds the
    executor's row."""
    undecided = Landing.objects.filter(pk=landing.pk, state__in=Landing.NOT_ENDED, intent__isnull=True)
    noted = undecided.update(
        state=Landing.State.PROPOSED, tried_tip=tip, tried_commit=commit, tried_verdict=verdict, tried_at=Now()
    )
    if not noted or landing.entry_id is None:
        return bool(noted)
    entry = Entry.objects.select_related("account").get(pk=landing.entry_id)
    if entry.status != Entry.Status.IN_PROGRESS or entry.deleted_at is not None:
        return True  # it waits already: only the tip is another one
    if rejection := _rejected_meanwhile(entry):
        queue.stop_waiting([entry.pk])
        entry_state.move(entry, rejection)
        return True
    row = _row_for(entry, landing.commit, base)
    entry_state.move(entry, Next("pending", Reason.WAITING_FOR_MERGE, "Its pull request is being opened"))
    if stack:
        entry_state.open_to_dependents(entry, landing.commit)
    event = events.PullRequestProposed(commit=landing.commit, entry=entry.pk, url=row.url, seq=entry.seq, title=entry.title)
    activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk)
    return True


def _rejected_meanwhile(entry: Entry) -> Next | None:
    """The entry's next state if its pull request was closed while it was at work, or one that its work contains: a person has decided
    against it."""
    last = PullRequest.objects.filter(entry=entry, state=State.CLOSED, ended_at__isnull=True).first()
    if last is None:
        return stacking.rejected_below(entry.pk)
    PullRequest.objects.filter(pk=last.pk).update(ended_at=Now())
    return _rejection(last)


def _rejection(row: PullRequest) -> Next:
    why = f"{row.ended_by or 'Somebody'} closed its pull request" + (f": {row.message}" if row.message else "")
    return Next("blocked", Reason.MERGE_REJECTED, why[:500])


def _row_for(entry: Entry, head: str, base: str) -> PullRequest:
    """The entry's undecided row, for this head now, or a new one. What the last one pushed to the branch is there still."""
    mine = PullRequest.objects.filter(entry=entry)
    if row := mine.filter(state__in=PullRequest.UNDECIDED).first():
        row.head, row.checks, row.due, row.text_due, row.foreign_head = head, [], True, True, ""
        row.save(update_fields=["head", "checks", "due", "text_due", "foreign_head"])
        return row
    pushed = mine.order_by("-pk").values_list("pushed", flat=True).first() or ""
    return PullRequest.objects.create(
        workspace_id=entry.workspace_id, entry=entry, branch=entry.branch, base=base, head=head, pushed=pushed
    )


def opened(row: PullRequest, *, forge_id: str, number: int, url: str) -> None:
    """Its number is known. A second note of the same changes nothing."""
    fields = {"forge_id": forge_id, "number": number, "url": _link(url), "state": State.OPEN, "text_due": False}
    PullRequest.objects.filter(pk=row.pk, state__in=PullRequest.UNDECIDED, head=row.head).update(**fields)
    row.refresh_from_db()


def wait(row: PullRequest, why: str, checks: Sequence[Check]) -> None:
    """Note why it is not merged yet: on its row, and on the entry."""
    shown = _evidence(checks)
    if (row.message, row.checks) != (why[:500], shown):
        PullRequest.objects.filter(pk=row.pk, head=row.head).update(message=why[:500], checks=shown)
        waits = Entry.objects.filter(pk=row.entry_id, status=Entry.Status.PENDING, reason_code=Reason.WAITING_FOR_MERGE)
        waits.update(reason_message=why[:500])
        wake_ups.publish_change(row.workspace_id, "entries", "landing")


def send_back(row: PullRequest, findings: Sequence[str], checks: Sequence[Check], comments: Sequence[Comment], most: int) -> bool:
    """The findings begin the entry's next round, one more than it has. `comments`: are in the findings, and count once. `most`: how often
    red checks alone may do so before a person must look. False: it waits no longer, and nothing was done."""
    with transaction.atomic():
        entry = entry_state.lock(row.entry)
        landing = proposed(entry.pk)
        if landing is None or landing.commit != row.head or entry.reason_code != Reason.WAITING_FOR_MERGE:
            return False
        new = [_comment(row, comment) for comment in comments]
        ReviewComment.objects.bulk_create(new, ignore_conflicts=True)
        by_people = bool(comments)
        state = Landing.State.SENT_BACK if by_people else Landing.State.REFUSED
        message = "Sent back by its pull request" if by_people else findings[0][:1000]
        Landing.objects.filter(pk=landing.pk).update(state=state, message=message, ended_at=Now())
        newest_work.put_findings_first(entry.pk, findings)
        PullRequest.objects.filter(pk=row.pk).update(message="Its entry is at work again", checks=_evidence(checks))
        if not by_people and queue.refusals(entry.pk) > most:
            why = f"CI of its pull request stayed red in {most + 1} rounds: {findings[0].splitlines()[0]}"
            following = Next("blocked", Reason.MERGE_REJECTED, why[:500])
        else:
            following = PENDING
            Entry.objects.filter(pk=entry.pk).update(budget_rounds=F("budget_rounds") + 1, next_work=Entry.Work.IMPLEMENT)
            entry.refresh_from_db(fields=["budget_rounds", "next_work"])
        entry_state.move(entry, following)
        event = events.PullRequestSentBack(commit=row.head, entry=entry.pk, url=row.url, findings=len(findings))
        activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk, reason=findings[0].splitlines()[0][:500])
    _announce(row.workspace_id)
    return True


def closed(row: PullRequest, by: str, comment: str) -> None:
    """Closed there without a merge: a person has decided. A session at work goes on; its work is not proposed."""
    with transaction.atomic():
        entry = entry_state.lock(row.entry)
        at_work = entry.status == Entry.Status.IN_PROGRESS
        ended_at = None if at_work else Now()
        fields = {"state": State.CLOSED, "ended_by": by[:200], "message": comment[:500], "ended_at": ended_at}
        if not PullRequest.objects.filter(pk=row.pk, state__in=PullRequest.UNDECIDED).update(**fields):
            return
        row.refresh_from_db()
        if entry.status == Entry.Status.PENDING:
            queue.stop_waiting([entry.pk])
            entry_state.move(entry, _rejection(row))
            stacking.reject_above(entry)
    _announce(row.workspace_id)


def merged(row: PullRequest, commit: str, by: str) -> None:
    """Merged there, however. The entry is done once the integration branch has followed: what depends on it starts from there."""
    with transaction.atomic():
        entry = entry_state.lock(row.entry)
        fields = {
            "state": State.MERGED,
            "merge_commit": commit,
            "ended_by": by[:200],
            "message": "Merged: the base branch is being followed",
        }
        if not PullRequest.objects.filter(pk=row.pk, state__in=PullRequest.UNDECIDED).update(**fields):
            return
        waits = Entry.objects.filter(pk=entry.pk, status=Entry.Status.PENDING, reason_code=Reason.WAITING_FOR_MERGE)
        waits.update(reason_message=fields["message"])
        event = events.PullRequestMerged(commit=commit, entry=entry.pk, url=row.url, by=by)
        activity.record(row.workspace_id, event, by=MUSTER, object_id=entry.pk)
        branch.wake(row.workspace_id)
    _announce(row.workspace_id)


def adopt(row: PullRequest, head: str) -> None:
    """Others pushed to its branch: a lander verifies that."""
    with transaction.atomic():
        changed = PullRequest.objects.filter(pk=row.pk, state=State.OPEN, head=row.head).exclude(foreign_head=head)
        if changed.update(foreign_head=head, message="Others pushed to it: their commits are being verified"):
            branch.wake(row.workspace_id)


def replace_by(row: PullRequest, head: str, *, pushed: str) -> bool:
    """The commits of others are queued like work of the entry's own. `pushed`: where the branch is there. False: it waits no longer. The caller's transaction holds the
    executor's row."""
    entry = Entry.objects.select_related("account").get(pk=row.entry_id)
    if entry.reason_code != Reason.WAITING_FOR_MERGE or entry.deleted_at is not None:
        return False
    Landing.objects.filter(entry=entry, state=Landing.State.PROPOSED).update(
        state=Landing.State.WITHDRAWN, message="replaced by commits of others", ended_at=Now()
    )
    entry_state.move(entry, Next("in_progress"))
    queue.enqueue(entry, head, round_=None)
    PullRequest.objects.filter(pk=row.pk).update(pushed=pushed, pushed_at=Now(), foreign_head="")
    event = events.PullRequestAdopted(commit=head, entry=entry.pk, url=row.url)
    activity.record(entry.workspace_id, event, by=MUSTER, object_id=entry.pk)
    return True


def proposed(entry_id: str) -> Landing | None:
    """The landing that waits for the merge."""
    return Landing.objects.filter(entry_id=entry_id, state=Landing.State.PROPOSED).first()


def new_comments(row: PullRequest, comments: Sequence[Comment]) -> list[Comment]:
    """The comments that no round has got yet."""
    known = set(ReviewComment.objects.filter(entry=row.entry_id).exclude(forge_id="").values_list("forge_id", flat=True))
    return [comment for comment in comments if _name(row, comment) not in known]


def finding_of(row: PullRequest, comment: Comment) -> str:
    """A forge's comment as a finding, in the same form as one that was written on Muster's pages."""
    return of_comment(_comment(row, comment))


def _comment(row: PullRequest, comment: Comment) -> ReviewComment:
    path = comment.path[:1024]
    return ReviewComment(
        entry_id=row.entry_id,
        commit=row.head,
        path=path,
        line=comment.line if path else None,
        side=ReviewComment.Side.OLD if comment.is_old_side else ReviewComment.Side.NEW,
        quote="",  # the finding is made of it before it is saved
        text=comment.text[:2000],
        by=comment.by[:200],
        at=comment.at,
        sent_at=Now(),
        forge_id=_name(row, comment),
    )


def _name(row: PullRequest, comment: Comment) -> str:
    """Comment ids are unique per pull request only: another forge may give the same ones."""
    return f"{row.pk}:{comment.id}"[:60]


def _evidence(checks: Sequence[Check]) -> list[dict[str, str]]:
    return [
        {"kind": "ci", "name": check.name[:200], "outcome": check.outcome, "url": _link(check.url)}
        for check in checks[:MAX_CHECKS]
    ]


def _link(url: str) -> str:
    """Pages link to it: nothing but an address of the web."""
    return url[:500] if url.startswith(("https://", "http://")) else ""


def _announce(workspace_id: str) -> None:
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "locks", "landing", "executor")
