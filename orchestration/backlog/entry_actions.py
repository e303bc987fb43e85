"""A person's actions on entries: on one, or on many at once, then all or none."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from orchestration import configuration
from orchestration.backlog import entry_state
from orchestration.backlog.rules import ways
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.backlog.tree import leaves
from orchestration.configuration import entry_routes
from orchestration.facts import events
from orchestration.facts.events import EntryEvent
from orchestration.facts.reasons import Reason
from orchestration.landing import queue
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Session
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Invalid
from workspaces.models import Event

NO_SESSION = "Entry has no prior worker session to reverify"
ROUNDS_RESET_FOR = (Reason.NO_IMPROVEMENT, Reason.NO_CHANGE, Reason.MERGE_CONFLICT)


class SomeRefuse(Invalid):
    """No entry was changed. `refusals`: the entries that cannot change, each with the reason."""

    def __init__(self, refusals: Sequence[tuple[Entry, str]]) -> None:
        super().__init__(refusals[0][1], "status")
        self.refusals = refusals


def put_on_hold(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """Put an entry on hold: it keeps its branch, releases its locks and waits for `resume`."""
    return _same(entry, put_all_on_hold([entry], by=by, reason=reason))


def put_all_on_hold(entries: Sequence[Entry], *, by: Caller, reason: str = "") -> list[Entry]:
    """Put entries of one workspace on hold. Raises SomeRefuse for entries in progress or done."""
    with transaction.atomic():
        rows = _ready(entries, unless={"done"})
        Entry.objects.filter(pk__in=[row.pk for row in rows]).update(crashes=0)
        entry_state.move_all(rows, Next("blocked", Reason.HUMAN_HOLD, reason or f"Put on hold by {by.name}"))
        _record([(row, events.EntryHeld()) for row in rows], by=by, reason=reason)
    _notify(rows[0].workspace_id)
    return rows


def resume(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """Make an entry pending again. A failed or done entry is reopened and its completed rounds count from zero."""
    return _same(entry, resume_all([entry], by=by, reason=reason))


def resume_all(entries: Sequence[Entry], *, by: Caller, reason: str = "") -> list[Entry]:
    """Make entries of one workspace pending again; of one that is split, those children that are blocked or failed. An entry blocked by a failed dependency becomes pending if that dependency is among them.
    Raises SomeRefuse for entries in progress or already pending."""
    with transaction.atomic():
        rows = _ready(entries, unless={"pending"}, of_children={"pending", "done", "in_progress"})
        reopened = [row for row in rows if row.status in entry_state.ENDED]
        _point_anew(reopened)
        reset = [row.pk for row in rows if row.status in entry_state.ENDED or row.reason_code in ROUNDS_RESET_FOR]
        Entry.objects.filter(pk__in=[row.pk for row in rows]).update(crashes=0)
        Entry.objects.filter(pk__in=reset).update(rounds_completed=0)
        for row in rows:
            row.crashes, row.rounds_completed = 0, 0 if row.pk in reset else row.rounds_completed
        for following, alike in _by_next_state(rows).items():
            entry_state.move_all(alike, following)
        _record(
            [(row, events.EntryReopened() if row in reopened else events.EntryReleased()) for row in rows], by=by, reason=reason
        )
        entry_state.block_short(rows)
    _notify(rows[0].workspace_id)
    return rows


def mark_done(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """Mark an entry done without a merge: its dependents can start."""
    return _same(entry, mark_all_done([entry], by=by, reason=reason))


def mark_all_done(entries: Sequence[Entry], *, by: Caller, reason: str = "") -> list[Entry]:
    """Mark entries of one workspace done. Raises SomeRefuse for entries in progress or done."""
    with transaction.atomic():
        rows = _ready(entries, unless={"done"})
        Entry.objects.filter(pk__in=[row.pk for row in rows]).update(crashes=0)
        entry_state.move_all(rows, Next("done", done=ways.closed(by=by.name, reason=reason)))
        _record([(row, events.EntryMarkedDone()) for row in rows], by=by, reason=reason)
    _notify(rows[0].workspace_id)
    return rows


def mark_failed(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """Give an entry up: its dependents are blocked until a person reopens it."""
    with transaction.atomic():
        rows = _ready([entry], unless={"done", "failed"})
        Entry.objects.filter(pk__in=[row.pk for row in rows]).update(crashes=0)
        entry_state.move_all(rows, Next("failed", Reason.HUMAN_HOLD, reason or f"Marked failed by {by.name}"))
        _record([(row, events.EntryMarkedFailed()) for row in rows], by=by, reason=reason)
    _notify(rows[0].workspace_id)
    return _same(entry, rows)


def set_priority(entry: Entry, priority: Entry.Priority, *, by: Caller, reason: str = "") -> Entry:
    """Change an entry's place in line."""
    return _same(entry, set_priorities([entry], priority, by=by, reason=reason))


def set_priorities(entries: Sequence[Entry], priority: Entry.Priority, *, by: Caller, reason: str = "") -> list[Entry]:
    """Change the places in line of entries of one workspace, and of their children."""
    with transaction.atomic():
        rows = leaves.with_children(entry_state.lock_all(entries))
        before = {row.pk: Entry.Priority(row.priority).name.lower() for row in rows}
        Entry.objects.filter(pk__in=before).update(priority=priority, updated_at=Now())
        for row in rows:
            row.priority = priority
        after = priority.name.lower()
        _record([(row, events.EntryPrioritySet(before=before[row.pk], after=after)) for row in rows], by=by, reason=reason)
    wake_ups.enqueue_cycle(rows[0].workspace_id)
    wake_ups.publish_change(rows[0].workspace_id, "entries")
    return rows


def reverify(entry: Entry, *, by: Caller) -> Entry:
    """Verify the last session's work again, without implementing; `rounds_completed` counts from zero. Raises Invalid."""
    try:
        return reverify_all([entry], by=by)[0]
    except SomeRefuse as refused:
        raise Invalid(refused.message, "entryID") from None


def reverify_all(entries: Sequence[Entry], *, by: Caller, reason: str = "") -> list[Entry]:
    """Verify the work of entries of one workspace again. Raises SomeRefuse for entries in progress, and for entries without a round."""
    with transaction.atomic():
        rows = entry_state.lock_all(entries)
        worked = set(Session.objects.filter(entry__in=rows, rounds__isnull=False).values_list("entry_id", flat=True))
        split = {row.pk for row in rows if row.is_container}
        refused = [(row, "It is split: verify its children again") for row in rows if row.pk in split]
        worked -= split
        refused += [(row, NO_SESSION) for row in rows if row.pk not in worked | split]
        landing = withdraw_landings([row for row in rows if row.pk in worked])
        running = [row for row in rows if row.pk in worked and row.status == Entry.Status.IN_PROGRESS and row.pk not in landing]
        refused += [(row, "Entry is in progress: stop its session first") for row in running]
        if refused:
            raise SomeRefuse(sorted(refused, key=lambda pair: pair[0].seq))
        _point_anew([row for row in rows if row.status in entry_state.ENDED])
        for row in rows:
            row.rounds_completed, row.crashes, row.next_work, row.has_rounds = 0, 0, Entry.Work.VERIFY, True
        Entry.objects.bulk_update(rows, ["rounds_completed", "crashes", "next_work", "has_rounds"])
        entry_state.move_all(rows, PENDING)
        _record([(row, events.EntryReverified()) for row in rows], by=by, reason=reason)
        entry_state.block_short(rows)
    wake_ups.enqueue_cycle(rows[0].workspace_id)
    wake_ups.publish_change(rows[0].workspace_id, "entries")
    return rows


def _point_anew(rows: Sequence[Entry]) -> None:
    """A config that changed has not been followed by entries that had ended. Raises SomeRefuse where it lacks an agent that one asks for."""
    if not rows:
        return
    config = configuration.load(Executor.objects.get(pk=rows[0].workspace_id).config)
    if refused := [(row, why) for row in rows if (why := entry_routes.missing_agent(row, config))]:
        raise SomeRefuse(refused)
    for row in rows:
        entry_routes.set_next_agent(row, config)
    Entry.objects.bulk_update(rows, entry_routes.NEXT, batch_size=500)


def _ready(entries: Sequence[Entry], *, unless: set[str], of_children: set[str] | None = None) -> list[Entry]:
    """The entries, freshly read; for one that is split, those below it that are in no state of `unless`. Landings that wait in the queue
    are withdrawn. Raises SomeRefuse, or Conflict for one that lands now."""
    asked = entry_state.lock_all(entries)
    rows = leaves.instead_of(asked, unless=of_children or unless)
    if not rows:
        raise SomeRefuse([(asked[0], "None of its children is in a state in which that can be done")])
    withdrawn = withdraw_landings(rows)
    busy = [row for row in rows if row.status == Entry.Status.IN_PROGRESS and row.pk not in withdrawn]
    refused = [(row, in_progress(row)) for row in busy]
    refused += [(row, f"The entry is {row.status} already") for row in rows if row.status in unless]
    if refused:
        raise SomeRefuse(sorted(refused, key=lambda pair: pair[0].seq))
    return rows


def in_progress(row: Entry) -> str:
    """The refusal of an entry in progress. A child is named: the person may have acted on the entry above it."""
    return f"{f'#{row.seq}' if row.parent_id else 'The entry'} is in progress: stop its session first"


def _same(entry: Entry, rows: Sequence[Entry]) -> Entry:
    """The entry itself, where its children were changed instead."""
    return next((row for row in rows if row.pk == entry.pk), entry)


def withdraw_landings(rows: Sequence[Entry]) -> set[str]:
    """Take what waits for its landing out of the queue. Returns the entries' ids. Raises Conflict for one that lands now."""
    waiting = [row for row in rows if row.status == Entry.Status.IN_PROGRESS]
    return queue.withdraw(waiting, "a person acted on the entry") if waiting else set()


def _by_next_state(rows: Sequence[Entry]) -> dict[Next, list[Entry]]:
    """Each entry's next state: pending, or blocked by a dependency that stays failed."""
    ids = [row.pk for row in rows]
    failed = Entry.objects.filter(dependents__entry__in=ids, status=Entry.Status.FAILED).exclude(pk__in=ids).order_by("-seq")
    behind = {failure.waits: failure for failure in failed.annotate(waits=F("dependents__entry_id"))}
    by_state: dict[Next, list[Entry]] = {}
    for row in rows:
        other = behind.get(row.pk)
        following = Next("blocked", Reason.DEPENDENCY_FAILED, f"#{other.seq} {other.title} failed"[:500]) if other else PENDING
        by_state.setdefault(following, []).append(row)
    return by_state


def _record(happened: Sequence[tuple[Entry, EntryEvent]], *, by: Caller, reason: str) -> None:
    Event.objects.bulk_create(
        activity.row(row.workspace_id, event, by=by, object_id=row.pk, reason=reason) for row, event in happened
    )


def _notify(workspace_id: str) -> None:
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "locks", "executor")
