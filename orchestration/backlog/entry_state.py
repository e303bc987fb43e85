"""Entries move between states, with the consequences for locks, dependents, money and notifications.

The executor's row is locked first, so that counters never race.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Count, F
from django.db.models.functions import Now

from orchestration import funding
from orchestration.backlog import completion, newest_work
from orchestration.backlog.files import locks
from orchestration.backlog.rules.transitions import PENDING, Next
from orchestration.backlog.rules.ways import Done
from orchestration.backlog.tree import rollup
from orchestration.facts import events, signals
from orchestration.facts.reasons import OUT_OF_LINE, RETURNS_SHARE, Reason
from orchestration.landing import queue
from orchestration.messaging import wake_ups
from orchestration.models import Dependency, Entry, Executor, Landing, PullRequest
from workspaces import activity
from workspaces.access import MUSTER
from workspaces.errors import NotFound
from workspaces.models import Event

ENDED = (Entry.Status.DONE, Entry.Status.FAILED)
_HALTED = {Entry.Status.BLOCKED.value: events.EntryBlocked, Entry.Status.FAILED.value: events.EntryFailed}


class NotDone(ValueError):
    """The entry is not done in the way that was given: its newest work is another."""


def lock(entry: Entry) -> Entry:
    """The entry freshly read, with its executor's row locked until the transaction ends. Raises NotFound when it was deleted."""
    return lock_all([entry])[0]


def lock_all(entries: Sequence[Entry]) -> list[Entry]:
    """Entries of one workspace freshly read, in the given order, with the executor's row locked. Raises NotFound when one was deleted."""
    Executor.objects.select_for_update().get(pk=entries[0].workspace_id)
    alive = Entry.objects.select_related("account").filter(pk__in=[entry.pk for entry in entries], deleted_at__isnull=True)
    rows = {row.pk: row for row in alive}
    if len(rows) != len(entries):
        raise NotFound("Entry not found")
    return [rows[entry.pk] for entry in entries]


def move(entry: Entry, following: Next) -> None:
    """Put an entry into its next state, with all consequences. The caller's transaction holds the executor's row. Raises NotDone."""
    move_all([entry], following)


def move_all(entries: Sequence[Entry], following: Next) -> None:
    """Put entries of one workspace into the same next state, in a number of statements that does not depend on how many they are. Raises NotDone."""
    workspace_id, ids = entries[0].workspace_id, [entry.pk for entry in entries]
    if following.done is not None:
        for entry in entries:
            _check_way(entry, following.done)
    were = {entry.pk: Entry.Status(entry.status) for entry in entries}
    were_met = {entry.pk for entry in entries if entry.is_met}
    backlog_before = completion.liveliest([completion.state_before(entry) for entry in entries])
    end_reviews(entries)
    _write(entries, following)
    halts = following.status in (*ENDED, Entry.Status.BLOCKED)
    if halts:
        locks.release(workspace_id, ids)
    returned = following.code in RETURNS_SHARE and funding.give_back(workspace_id, ids)
    resumes = following.status == Entry.Status.PENDING and any(status != Entry.Status.IN_PROGRESS for status in were.values())
    if resumes:
        funding.give_again(workspace_id, ids)
    if returned or resumes or following.status in ENDED or following.code == Reason.PROJECT_BUDGET_EXCEEDED:
        funding.mark_due(workspace_id)  # they free money, or need some
    done = following.status == Entry.Status.DONE
    count_children(
        [entry.parent_id for entry in entries if entry.parent_id and (were[entry.pk] == Entry.Status.DONE) != done],
        -1 if done else +1,
    )
    if changed := [entry.pk for entry in entries if (entry.pk in were_met) != done]:
        _count_unmet(changed, -1 if done else +1)
    for entry in entries:
        _update_dependents(entry, were[entry.pk])
    record_halted(*(entry for entry in entries if were[entry.pk] != entry.status))
    roll_up(entry.parent_id for entry in entries)
    if halts or following.code in OUT_OF_LINE:
        completion.record_finished(workspace_id, before=backlog_before)


def block_short(entries: Sequence[Entry]) -> None:
    """Block those of these entries of one workspace that are in line without money or rounds. The caller's transaction holds the executor's row."""
    in_line = [entry.pk for entry in entries if entry.status == Entry.Status.PENDING]
    if not in_line:
        return
    signals.may_be_short.send(None, workspace_id=entries[0].workspace_id, entry_ids=in_line)
    blocked = {row.pk: row for row in Entry.objects.filter(pk__in=in_line, status=Entry.Status.BLOCKED)}
    for entry in entries:
        if row := blocked.get(entry.pk):
            entry.status, entry.reason_code, entry.reason_message = row.status, row.reason_code, row.reason_message
            entry.reason_at = row.reason_at


def end_reviews(entries: Sequence[Entry]) -> None:
    """Nobody is asked any more to approve or to merge the work of those of these entries that wait for it. Restored, or back in line, they ask again."""
    if ids := [entry.pk for entry in entries if entry.reason_code in OUT_OF_LINE]:
        queue.stop_waiting(ids)
        Entry.objects.filter(pk__in=ids).update(reason_code="", reason_message="", reason_at=None, open_head="")


def open_to_dependents(entry: Entry, commit: str) -> None:
    """Let entries that depend on it start from the commit of its open pull request, until it is in another state. The caller's transaction
    holds the executor's row."""
    if not entry.is_met:
        _count_unmet([entry.pk], -1)
    entry.open_head = commit
    entry.save(update_fields=["open_head"])


def roll_up(parent_ids: Iterable[str | None]) -> None:
    """Entries that are split get the state that their children give them, and so do those above: the deepest first, each freshly read, since
    what waits for it moves with it. The caller's transaction holds the executor's row."""
    ids = {id_ for id_ in parent_ids if id_}
    while ids and (row := Entry.objects.filter(pk__in=ids, is_container=True).order_by("-depth", "pk").first()):
        ids.discard(row.pk)
        following = rollup.state_of(list(Entry.objects.filter(parent=row, deleted_at__isnull=True).order_by("seq")))
        if (row.status, row.reason_code, row.reason_message) != (following.status, following.code, following.message):
            _move_container(row, following)
            ids |= {row.parent_id} if row.parent_id else set()


def _move_container(container: Entry, following: Next) -> None:
    """It has no locks, no money and no session, and what is recorded is its children's: only those that wait for it are concerned."""
    before = container.status
    _write([container], following)
    if (before == Entry.Status.DONE) != (following.status == Entry.Status.DONE):
        by = -1 if following.status == Entry.Status.DONE else +1
        count_children([container.parent_id] if container.parent_id else [], by)
        _count_unmet([container.pk], by)
    _update_dependents(container, before)


def _check_way(entry: Entry, done: Done) -> None:
    """A round since, or another pull request than this entry's merged one, is not what the caller looked at."""
    if done.kind in ("landed", "nothing_to_do"):
        newest = newest_work.of(entry.pk)
        known = (newest.round.number, newest.has_diff) if newest else None
        if known != (done.round, done.kind == "landed") and not (
            newest is None and done.kind == "landed" and _is_of_others(entry)
        ):
            raise NotDone(f"#{entry.seq}: round {done.round} is not its newest work")
    merged = PullRequest.objects.filter(entry=entry, state=PullRequest.State.MERGED).values_list("pk", flat=True)
    if done.kind == "merged" and done.pull_request not in merged:
        raise NotDone(f"#{entry.seq}: its pull request is not merged")


def _is_of_others(entry: Entry) -> bool:
    """True if people pushed what landed last, in place of all that its rounds had produced."""
    last = Landing.objects.filter(entry=entry, state=Landing.State.LANDED).order_by("-ended_at", "-pk").first()
    return last is not None and last.round_id is None


def set_state(entry: Entry, following: Next) -> None:
    """Set the fields in memory; the caller saves."""
    entry.status = following.status
    entry.reason_code, entry.reason_message = following.code, following.message[:500]
    entry.reason_at = Now() if following.code else None
    entry.parked_behind, entry.open_head = None, ""
    for name, value in _done_fields(following).items():
        setattr(entry, name, value)


def record_halted(*entries: Entry) -> None:
    """Record `entry.blocked` or `entry.failed` for those that are: the verbs that notify the people who can act."""
    halted = [(entry, _HALTED[entry.status]) for entry in entries if entry.status in _HALTED]
    Event.objects.bulk_create(
        activity.row(
            entry.workspace_id,
            event(code=entry.reason_code, entry=entry.pk, seq=entry.seq, title=entry.title),
            by=MUSTER,
            object_id=entry.pk,
            reason=entry.reason_message,
        )
        for entry, event in halted
    )
    if halted:
        wake_ups.enqueue_deliveries()


def _write(entries: Sequence[Entry], following: Next) -> None:
    for entry in entries:
        set_state(entry, following)
    if len(entries) == 1:  # save() reads the database's time back
        named = ("status", "reason_code", "reason_message", "reason_at", "parked_behind", "open_head", "updated_at")
        entries[0].save(update_fields=[*named, *_done_fields(following)])
        return
    Entry.objects.filter(pk__in=[entry.pk for entry in entries]).update(
        status=following.status,
        reason_code=following.code,
        reason_message=following.message[:500],
        reason_at=Now() if following.code else None,
        parked_behind=None,
        open_head="",
        updated_at=Now(),
        **_done_fields(following),
    )


def _done_fields(following: Next) -> dict[str, Any]:
    """The columns that say how an entry became done; empty for one that is not."""
    done = following.done
    return {
        "done_way": done.kind if done else "",
        "done_commit": done.commit if done else "",
        "done_round": done.round if done else None,
        "done_pull_request_id": done.pull_request if done else None,
        "done_by": done.by[:200] if done else "",
        "done_reason": done.reason[:500] if done else "",
        "done_at": Now() if done else None,
    }


def _count_unmet(ids: Sequence[str], by: int) -> None:
    """Add `by` to the unmet dependencies of each dependent, once for each of these entries that it waits for."""
    waits = Dependency.objects.filter(depends_on_id__in=ids).values_list("entry_id").annotate(n=Count("pk")).order_by("entry_id")
    by_count: dict[int, list[str]] = {}
    for entry_id, n in waits:
        by_count.setdefault(n, []).append(entry_id)
    for n, waiting in by_count.items():
        Entry.objects.filter(pk__in=waiting).update(unmet_dependencies=F("unmet_dependencies") + by * n)


def count_children(parent_ids: Sequence[str], by: int) -> None:
    """Add `by` to what entries that are split wait for, once for each time that they are named."""
    for parent_id, n in Counter(parent_ids).items():
        Entry.objects.filter(pk=parent_id, is_container=True).update(unmet_dependencies=F("unmet_dependencies") + by * n)


def _update_dependents(entry: Entry, before: str) -> None:
    if entry.status == Entry.Status.FAILED:
        message = f"#{entry.seq} {entry.title} failed"[:500]
        waits = Entry.objects.filter(dependencies__depends_on=entry, status=Entry.Status.PENDING, is_container=False)
        for waiting in waits:
            move(waiting, Next("blocked", Reason.DEPENDENCY_FAILED, message))
    elif before == Entry.Status.FAILED:
        _unblock_dependents(entry)


def _unblock_dependents(entry: Entry) -> None:
    """Unblock the entries that this failure blocked, except where another dependency failed too."""
    stuck = Entry.objects.filter(
        dependencies__depends_on=entry,
        status=Entry.Status.BLOCKED,
        reason_code=Reason.DEPENDENCY_FAILED,
        is_container=False,
    )
    for waiting in stuck:
        if not Entry.objects.filter(dependents__entry=waiting, status=Entry.Status.FAILED).exists():
            move(waiting, PENDING)
