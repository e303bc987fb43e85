"""Fixes of the backlog, its locks and its sessions, each with a dry run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from orchestration.backlog import entries, entry_actions
from orchestration.backlog.files import orphans
from orchestration.facts import events
from orchestration.facts.reasons import Reason
from orchestration.maintenance import rebuild
from orchestration.models import Dependency, Entry, Executor, FileLock, Session
from orchestration.worker import reaper
from workspaces import activity
from workspaces.access import Caller
from workspaces.admin.fixes import Fix, Line, Outlook


def _lock_executors(workspace_ids: Iterable[str]) -> None:
    """Lock the executors as a cycle does, so that no session is claimed or ended meanwhile. Sorted, so that two fixes never deadlock."""
    list(Executor.objects.select_for_update().filter(pk__in=set(workspace_ids)).order_by("pk"))


def _split(selected: Iterable[tuple[str, Line]]) -> Outlook:
    """Lines without a refusal change; the others stay."""
    lines = list(selected)
    return Outlook([line for why, line in lines if not why], [Line(line.what, line.before, why) for why, line in lines if why])


class Requeue(Fix):
    name = "requeue"
    title = "Requeue entries"
    button = "Requeue entries"
    explains = (
        "Blocked and failed entries become pending. Failed and no longer improving ones start again with all of their rounds."
    )

    def lock(self, selected: Sequence[Entry]) -> None:
        _lock_executors(entry.workspace_id for entry in selected)

    def foresee(self, selected: Sequence[Entry], form_data: dict[str, Any]) -> Outlook:
        stuck = self._stuck(selected)
        return _split(
            (
                self._why_not(entry, stuck),
                Line(_label(entry), _status(entry), "blocked: dependency_failed" if entry.pk in stuck else "pending"),
            )
            for entry in selected
        )

    def apply(self, selected: Sequence[Entry], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        stuck = self._stuck(selected)
        chosen = [entry for entry in selected if not self._why_not(entry, stuck)]
        chosen.sort(key=lambda entry: entry.status == Entry.Status.FAILED)  # a requeued failure unblocks its dependents
        for entry in chosen:
            entry_actions.resume(entry, by=by, reason=reason)
        return f"Requeued entries: {len(chosen)}"

    def _stuck(self, selected: Sequence[Entry]) -> set[str]:
        """Entries that wait for a failed one that is not requeued with them."""
        chosen = {entry.pk for entry in selected if not self._why_not(entry, set())}
        failed = Dependency.objects.filter(entry_id__in=chosen, depends_on__status=Entry.Status.FAILED)
        return set(failed.exclude(depends_on_id__in=chosen).values_list("entry_id", flat=True))

    def _why_not(self, entry: Entry, stuck: set[str]) -> str:
        if why_not := _why_untouchable(entry):
            return why_not
        if entry.pk in stuck and entry.reason_code == Reason.DEPENDENCY_FAILED:
            return "An entry that it depends on has failed: requeue that one"
        return {"pending": "It is in line already", "done": "It is done"}.get(entry.status, "")


class MarkFailed(Fix):
    name = "mark_failed"
    title = "Mark entries as failed"
    button = "Mark as failed"
    explains = "For entries that must not run again. Their dependents are blocked, their locks are released. Requeue reverses it."

    def lock(self, selected: Sequence[Entry]) -> None:
        _lock_executors(entry.workspace_id for entry in selected)

    def foresee(self, selected: Sequence[Entry], form_data: dict[str, Any]) -> Outlook:
        needing = Dependency.objects.filter(
            depends_on__in=selected, entry__deleted_at__isnull=True, entry__status=Entry.Status.PENDING
        )
        waiting = Counter(needing.values_list("depends_on_id", flat=True))
        return _split(
            (self._why_not(entry), Line(_label(entry), _status(entry), f"failed; blocked by that: {waiting[entry.pk]}"))
            for entry in selected
        )

    def apply(self, selected: Sequence[Entry], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        chosen = [entry for entry in selected if not self._why_not(entry)]
        for entry in chosen:
            entry_actions.mark_failed(entry, by=by, reason=reason)
        return f"Marked entries as failed: {len(chosen)}"

    def _why_not(self, entry: Entry) -> str:
        refusals = {Entry.Status.FAILED: "It has failed already", Entry.Status.DONE: "It is done"}
        return _why_untouchable(entry) or refusals.get(entry.status, "")  # type: ignore[call-overload]


class TakeOff(Fix):
    name = "take_off"
    title = "Take entries off the backlog"
    button = "Take entries off"
    explains = "Their sessions, rounds and costs stay on record. This cannot be undone."

    def lock(self, selected: Sequence[Entry]) -> None:
        _lock_executors(entry.workspace_id for entry in selected)

    def foresee(self, selected: Sequence[Entry], form_data: dict[str, Any]) -> Outlook:
        needed = self._needed(selected)
        return _split(
            (self._why_not(entry, needed), Line(_label(entry), _status(entry), "off the backlog")) for entry in selected
        )

    def apply(self, selected: Sequence[Entry], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        needed = self._needed(selected)
        deletable = [entry for entry in selected if not self._why_not(entry, needed)]
        for entry in deletable:
            entries.delete(entry, by=by, reason=reason)
        return f"Took entries off the backlog: {len(deletable)}"

    def _needed(self, selected: Sequence[Entry]) -> set[str]:
        needing = Dependency.objects.filter(depends_on__in=selected, entry__deleted_at__isnull=True)
        return set(needing.values_list("depends_on_id", flat=True))

    def _why_not(self, entry: Entry, needed: set[str]) -> str:
        return _why_untouchable(entry) or ("Other entries depend on it" if entry.pk in needed else "")


class ReleaseLocks(Fix):
    name = "release_locks"
    title = "Release orphan locks"
    button = "Release locks"
    explains = (
        "A lock is an orphan when its entry is idle, or has neither an open session nor rounds in progress. All locks of "
        "such an entry are released. An agent that still runs unseen could then write to files that another one changes."
    )

    def lock(self, selected: Sequence[FileLock]) -> None:
        _lock_executors(lock.workspace_id for lock in selected)

    def foresee(self, selected: Sequence[FileLock], form_data: dict[str, Any]) -> Outlook:
        ids = {lock.entry_id for lock in selected}
        in_session = orphans.with_open_session(list(ids))
        locked_paths = defaultdict(list)
        for entry_id, path in FileLock.objects.filter(entry_id__in=ids).order_by("path").values_list("entry_id", "path"):
            locked_paths[entry_id].append(path)
        waiting = Counter(Entry.objects.filter(parked_behind_id__in=ids).values_list("parked_behind_id", flat=True))
        lines = []
        for entry in Entry.objects.filter(pk__in=ids).order_by("pk"):
            why_not = orphans.reason_kept(entry, is_open=entry.pk in in_session)
            outcome = f"free; entries waiting for it: {waiting[entry.pk]}"
            lines += [(why_not, Line(path, f"held by {entry} ({_status(entry)})", outcome)) for path in locked_paths[entry.pk]]
        return _split(lines)

    def apply(self, selected: Sequence[FileLock], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        ids = {lock.entry_id for lock in selected}
        in_session = orphans.with_open_session(list(ids))
        freed = 0
        for entry in Entry.objects.filter(pk__in=ids).order_by("pk"):
            if not orphans.reason_kept(entry, is_open=entry.pk in in_session):
                freed += orphans.release(entry.pk, by=by, reason=reason)
        return f"Released locks: {freed}"


class RebuildBacklog(Fix):
    name = "rebuild_backlog"
    title = "Check and rebuild what entries wait for"
    button = "Rebuild"
    explains = (
        "Compares the dependencies that entries count, and the entries that they are parked behind, with the dependencies and "
        "locks themselves. Normally there is nothing to change."
    )
    most = 20

    def lock(self, selected: Sequence[Executor]) -> None:
        _lock_executors(executor.pk for executor in selected)

    def foresee(self, selected: Sequence[Executor], form_data: dict[str, Any]) -> Outlook:
        return Outlook(
            [
                Line(
                    f"{drift.kind} {drift.id}: {drift.field}",
                    str(drift.stored),
                    "nothing" if drift.expected is None else str(drift.expected),
                )
                for executor in selected
                for drift in rebuild.find(executor.pk)
            ]
        )

    def apply(self, selected: Sequence[Executor], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        return f"Rebuilt values: {sum(len(rebuild.correct(executor.pk, by=by, reason=reason)) for executor in selected)}"


class Reap(Fix):
    """Run the reaper now instead of at the next tick. Not in one transaction: it ends processes, and each session separately."""

    name = "reap"
    title = "End sessions whose worker is gone"
    button = "End sessions"
    explains = (
        "The safety net does this automatically every few seconds. Processes of such a session on this machine are ended first; "
        "its work is kept, and an unknown cost is charged at the full hold."
    )
    atomic = False
    most = 50

    def foresee(self, selected: Sequence[Session], form_data: dict[str, Any]) -> Outlook:
        lost = {session.pk for session in reaper.suspects()}
        lines = []
        for session in selected:
            why_not = (
                "" if session.pk in lost else "Its worker is alive, or only another machine can check it until its lease ends"
            )
            if session.status != Session.Status.RUNNING:
                why_not = "It has ended" if session.status == Session.Status.ENDED else "No worker has taken it yet"
            lines.append((why_not, Line(session.pk, f"{session.status} on {session.host}", "ended as lost")))
        return _split(lines)

    def apply(self, selected: Sequence[Session], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        lost_ids = {line.what for line in self.foresee(selected, form_data).changes}
        for session in selected:
            if session.pk in lost_ids:
                event = events.SessionReapRequested(entry=session.owner_id)
                activity.record(session.workspace_id, event, by=by, object_id=session.pk, reason=reason)
        reaper.reap(lost_ids)
        ended = Session.objects.filter(pk__in=lost_ids, status=Session.Status.ENDED).count()
        left = len(lost_ids) - ended
        return f"Ended sessions: {ended}" + (f"; {left} could not be proven dead yet" if left else "")


def _why_untouchable(entry: Entry) -> str:
    """The reason why no fix may change an entry; empty when a fix may."""
    if entry.deleted_at is not None:
        return "It was taken off the backlog"
    if entry.workspace.deleted_at is not None:
        return "Its workspace was deleted"
    return "It is in progress: stop its session first" if entry.status == Entry.Status.IN_PROGRESS else ""


def _label(entry: Entry) -> str:
    """With its workspace, because a fix may span several, each with a #1."""
    return f"{entry} in {entry.workspace}"


def _status(entry: Entry) -> str:
    return f"{entry.status}: {entry.reason_code}" if entry.reason_code else entry.status
