"""A person's decisions about work that waits for approval. Each names the commit that the person saw."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.timezone import now

from orchestration import configuration
from orchestration.approval import findings, people
from orchestration.backlog import content, entry_state, newest_work
from orchestration.backlog.files import locks
from orchestration.backlog.rules.transitions import LANDING, PENDING
from orchestration.configuration import Approve
from orchestration.facts import events
from orchestration.landing import branch
from orchestration.messaging import wake_ups
from orchestration.models import Approval, Entry, Executor, FileLock, Landing, ReviewComment
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid


def rules_of(workspace_id: str) -> Approve:
    return configuration.load(Executor.objects.values_list("config", flat=True).get(pk=workspace_id)).approve


def approve(entry: Entry, commit: str, *, by: Caller) -> Approval:
    """Let exactly this commit land. A second call changes nothing while it is on its way. Raises Conflict when another commit waits, or none;
    Forbidden."""
    people.check(by, rules_of(entry.workspace_id))
    with transaction.atomic():
        row = entry_state.lock(entry)
        landing = waiting_landing(row)
        if landing is None or landing.commit != commit:
            on_its_way = Landing.objects.filter(
                entry=row, commit=commit, state__in=Landing.NOT_ENDED, approval__void_at__isnull=True
            )
            if landing is None and (again := on_its_way.select_related("approval").first()) and again.approval:
                return again.approval
            raise Conflict(_changed(row, landing))
        user = by.user or (by.token.owner if by.token else None)
        approval, _ = Approval.objects.update_or_create(
            entry=row, commit=commit, defaults={"by": by.name, "user": user, "at": now(), "void_at": None}
        )
        Landing.objects.filter(pk=landing.pk, state=landing.state).update(state=Landing.State.QUEUED, approval=approval)
        entry_state.move(row, LANDING)
        activity.record(row.workspace_id, events.EntryApproved(commit=commit, entry=row.pk), by=by, object_id=row.pk)
        branch.wake(row.workspace_id)
    _announce(row.workspace_id)
    return approval


def send_back(entry: Entry, commit: str, *, by: Caller, note: str = "", new: Sequence[ReviewComment] = ()) -> int:
    """Send this commit back: the note and the comments on it, with `new` ones that are not saved yet, are the first findings of the next round. The round is one more than the entry
    has, for a person asked for it. Returns how many findings. Raises Conflict, Forbidden, or Invalid when nothing says what to change."""
    people.check(by, rules_of(entry.workspace_id))
    with transaction.atomic():
        row = entry_state.lock(entry)
        landing = waiting_landing(row)
        if landing is None or landing.commit != commit:
            raise Conflict(_changed(row, landing))
        ReviewComment.objects.bulk_create(new)
        unsent = ReviewComment.objects.filter(entry=row, commit=commit, sent_at__isnull=True)
        comments = list(unsent.order_by("path", F("line").asc(nulls_first=True), "pk"))
        sent = [*([findings.of_note(note.strip(), by.name)] if note.strip() else []), *map(findings.of_comment, comments)]
        if not sent:
            raise Invalid("Say what is to change: comment on a line, or write a note", "note")
        ReviewComment.objects.filter(pk__in=[comment.pk for comment in comments]).update(sent_at=Now())
        message = f"Sent back by {by.name}"
        Landing.objects.filter(pk=landing.pk, state=landing.state).update(
            state=Landing.State.SENT_BACK, message=message, ended_at=Now()
        )
        newest_work.put_findings_first(row.pk, sent)
        Entry.objects.filter(pk=row.pk).update(budget_rounds=F("budget_rounds") + 1, next_work=Entry.Work.IMPLEMENT)
        row.refresh_from_db(fields=["budget_rounds", "next_work"])
        entry_state.move(row, PENDING)
        event = events.EntrySentBack(commit=commit, entry=row.pk, findings=len(sent))
        activity.record(row.workspace_id, event, by=by, object_id=row.pk, reason=note.strip()[:500])
    _announce(row.workspace_id)
    return len(sent)


def name_tests(entry: Entry, commit: str, tests: Sequence[str], *, by: Caller) -> None:
    """Let these tests decide about this unproven commit: it is verified again with them as its targets, without an agent. Raises Conflict,
    Forbidden, or Invalid."""
    people.check(by, rules_of(entry.workspace_id))
    named = [test.strip() for test in tests if test.strip()]
    if not named:
        raise Invalid("Name at least one test", "tests")
    with transaction.atomic():
        row = entry_state.lock(entry)
        landing = waiting_landing(row)
        if landing is None or landing.commit != commit or landing.state != Landing.State.UNPROVEN:
            raise Conflict(_changed(row, landing))
        content.write(row, content.Change(spec={**row.spec, "tests": named}), by=by)
        Entry.objects.filter(pk=row.pk).update(budget_rounds=F("budget_rounds") + 1, next_work=Entry.Work.VERIFY)
        row.refresh_from_db(fields=["budget_rounds", "next_work"])
        entry_state.move(row, PENDING)
    _announce(row.workspace_id)


def release_locks(entry: Entry, *, by: Caller) -> int:
    """Release the locks of work that has waited for `lock_hours`; it still waits, and lands, or conflicts with what others do meanwhile.
    Returns how many. Raises Conflict, or Forbidden."""
    people.refuse_agents(by)
    with transaction.atomic():
        row = entry_state.lock(entry)
        if waiting_landing(row) is None:
            raise Conflict(_changed(row, None))
        hours = rules_of(row.workspace_id).lock_hours
        if row.reason_at is None or row.reason_at > now() - timedelta(hours=hours):
            raise Conflict(f"#{row.seq} keeps its locks for its first {hours} h of waiting: approve it, or send it back")
        paths = list(FileLock.objects.filter(entry=row).order_by("path").values_list("path", flat=True))
        if paths:
            locks.release(row.workspace_id, [row.pk])
            event = events.EntryLocksReleased(count=len(paths), paths=paths[:50])
            activity.record(row.workspace_id, event, by=by, object_id=row.pk)
    _announce(row.workspace_id)
    return len(paths)


def waiting_landing(entry: Entry) -> Landing | None:
    """The landing that waits for a decision: for an approval, or unproven."""
    return Landing.objects.filter(entry=entry, state__in=(Landing.State.WAITING, Landing.State.UNPROVEN)).first()


def _changed(row: Entry, landing: Landing | None) -> str:
    if landing is not None:
        return f"Another commit of #{row.seq} waits for approval now, {landing.commit[:12]}: look at it again. Nothing was done"
    if row.status == Entry.Status.DONE:
        return f"#{row.seq} is done: nothing of it waits for approval. Nothing was done"
    return f"#{row.seq} does not wait for approval any more: look again. Nothing was done"


def _announce(workspace_id: str) -> None:
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "locks", "landing", "executor")
