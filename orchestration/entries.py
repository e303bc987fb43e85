"""The backlog: adding entries, moving them, and what a person may do to one. Executor row first, so that counters never race."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from budget.models import Account, Project
from orchestration import configuration, funding, graph, locks, paths, rest, wake
from orchestration.models import Dependency, Entry, Executor, Session
from orchestration.transitions import NO_MONEY_LEFT, PENDING, Next
from workspaces import activity, ids
from workspaces.access import MUSTER, Caller
from workspaces.errors import Invalid, NotFound
from workspaces.models import Event

PRIORITIES = {p.name.lower(): p for p in Entry.Priority}
MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class Draft:
    """An entry to be added. `depends_on` holds ids of entries, or refs of drafts in the same call. `budget` in micro-USD."""

    content: str
    ref: str = ""
    type: str = "task"
    spec: dict[str, Any] = field(default_factory=dict)
    priority: Entry.Priority = Entry.Priority.MEDIUM
    depends_on: tuple[str, ...] = ()
    parallelizable: bool = True
    parallel_group: str = ""
    budget: int | None = None
    budget_rounds: int | None = None
    assigned_to: str = ""


def add(workspace_id: str, drafts: Sequence[Draft], *, by: Caller, once: str = "") -> list[Entry]:
    """Add entries, all or none. Raises Invalid for a cycle (naming it), an unknown dependency, a repeated ref or a bad path.

    `once`: a key of the form that asked for them. The same key adds nothing again and answers what it added."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=workspace_id)
        if once and (before := added(workspace_id, once)):
            return before
        project = Project.objects.get(pk=workspace_id)
        config = configuration.load(executor.config)
        made = [_entry(workspace_id, executor.last_seq + n, draft, by) for n, draft in enumerate(drafts, start=1)]
        for n, entry in enumerate(made if once else ()):
            entry.pk = entry.account_id = _id_once(workspace_id, once, n)
        wanted = _resolve(workspace_id, drafts, made)
        known = {entry.pk: entry for entry in made}
        outside = {e.pk: e for e in Entry.objects.filter(pk__in={d for ds in wanted.values() for d in ds} - known.keys())}
        for entry in made:
            before = [known.get(id_) or outside[id_] for id_ in wanted[entry.pk]]
            entry.unmet_dependencies = sum(1 for other in before if other.status != Entry.Status.DONE)
            if failed := next((o for o in before if o.status == Entry.Status.FAILED), None):
                _set(entry, Next("blocked", "dependency_failed", f"#{failed.seq} {failed.title} failed"[:500]))
        _open_accounts(project, list(zip(made, drafts, strict=True)), config)
        Entry.objects.bulk_create(made)
        Dependency.objects.bulk_create(
            Dependency(entry_id=one, depends_on_id=other) for one, others in wanted.items() for other in others
        )
        Executor.objects.filter(pk=workspace_id).update(last_seq=F("last_seq") + len(made))
        activity.record(workspace_id, "entries.added", by=by, data=_told(made))
        _tell_blocked(*(entry for entry in made if entry.reason_code != "project_budget_exceeded"))  # those are told in one line
    wake.nudge(workspace_id)
    wake.hint(workspace_id, "entries", "budget")
    return made


def added(workspace_id: str, once: str) -> list[Entry]:
    """What was added with this key; deleted ones too, for they were added."""
    first = Entry.objects.filter(workspace_id=workspace_id, pk=_id_once(workspace_id, once, 0)).exists()
    ids_ = [_id_once(workspace_id, once, n) for n in range(MOST_AT_ONCE)] if first else []
    return list(Entry.objects.filter(workspace_id=workspace_id, pk__in=ids_).order_by("seq"))


def _id_once(workspace_id: str, once: str, n: int) -> str:
    return ids.entry_for(f"{workspace_id}:{once}:{n}")


def move(entry: Entry, following: Next) -> None:
    """Put an entry into its next state and do what follows from it. Inside a transaction that has the executor's row."""
    before, was = entry.status, rest.was(entry.status, entry.unmet_dependencies)
    _set(entry, following)
    entry.save(update_fields=["status", "reason_code", "reason_message", "reason_at", "parked_behind", "updated_at"])
    if following.status in (Entry.Status.DONE, Entry.Status.FAILED, Entry.Status.BLOCKED):
        locks.release(entry.workspace_id, [entry.pk])
    if following.status in (Entry.Status.DONE, Entry.Status.FAILED) or following.code == "project_budget_exceeded":
        funding.due(entry.workspace_id)  # it leaves money, or wants some
    dependents = Entry.objects.filter(dependencies__depends_on=entry)
    if following.status == Entry.Status.DONE and before != Entry.Status.DONE:
        _count_unmet(dependents, -1)
    if before == Entry.Status.DONE and following.status != Entry.Status.DONE:
        _count_unmet(dependents, +1)
    if following.status == Entry.Status.FAILED:
        message = f"#{entry.seq} {entry.title} failed"[:500]
        for waiting in dependents.filter(status=Entry.Status.PENDING):
            move(waiting, Next("blocked", "dependency_failed", message))
    elif before == Entry.Status.FAILED:
        _unblock_dependents(entry)
    if before != Entry.Status.BLOCKED:
        _tell_blocked(entry)
    if following.status in (Entry.Status.DONE, Entry.Status.FAILED, Entry.Status.BLOCKED):
        rest.tell(entry.workspace_id, before=was)


def _tell_blocked(*those: Entry) -> None:
    """Whatever blocked them: those who are to act on it hear of it by this verb."""
    blocked = [entry for entry in those if entry.status == Entry.Status.BLOCKED]
    Event.objects.bulk_create(
        activity.event(
            entry.workspace_id,
            "entry.blocked",
            by=MUSTER,
            object_id=entry.pk,
            reason=entry.reason_message,
            data={"code": entry.reason_code, "entry": entry.pk, "seq": entry.seq, "title": entry.title},
        )
        for entry in blocked
    )
    if blocked:
        wake.deliver()


def _set(entry: Entry, following: Next) -> None:
    entry.status = following.status
    entry.reason_code, entry.reason_message = following.code, following.message[:500]
    entry.reason_at = Now() if following.code else None
    entry.parked_behind = None


def _count_unmet(dependents: Any, by: int) -> None:
    ids = list(dependents.values_list("pk", flat=True))
    Entry.objects.filter(pk__in=ids).update(unmet_dependencies=F("unmet_dependencies") + by)


def _unblock_dependents(entry: Entry) -> None:
    """Those blocked by this entry's failure, unless another dependency of theirs failed as well."""
    stuck = Entry.objects.filter(dependencies__depends_on=entry, status=Entry.Status.BLOCKED, reason_code="dependency_failed")
    for waiting in stuck:
        others = Entry.objects.filter(dependents__entry=waiting, status=Entry.Status.FAILED).exclude(pk=entry.pk)
        if not others.exists():
            move(waiting, PENDING)


def hold(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """A person holds an entry back: it keeps its branch, frees its locks and waits for `release`."""
    return _by_hand(
        entry, "held", Next("blocked", "human_hold", reason or f"Held by {by.name}"), by=by, reason=reason, unless={"done"}
    )


def release(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """Put a held, blocked or failed entry back in line; a failed or done one is reopened and gets its rounds anew."""
    return _by_hand(entry, "released", PENDING, by=by, reason=reason, unless={"pending"})


def mark_done(entry: Entry, *, by: Caller, reason: str = "") -> Entry:
    """A person says that it is done: nothing is merged, its dependents go on."""
    return _by_hand(entry, "marked_done", Next("done"), by=by, reason=reason, unless={"done"})


def _by_hand(entry: Entry, verb: str, following: Next, *, by: Caller, reason: str, unless: set[str]) -> Entry:
    with transaction.atomic():
        row = locked(entry)
        if row.status == Entry.Status.IN_PROGRESS:
            raise Invalid("The entry is in progress: stop its session first", "status")
        if row.status in unless:
            raise Invalid(f"The entry is {row.status} already", "status")
        reopened = following is PENDING and row.status in (Entry.Status.FAILED, Entry.Status.DONE)
        if reopened or (following is PENDING and row.reason_code in ("no_improvement", "merge_conflict")):
            row.rounds_completed = 0
        row.crashes = 0
        row.save(update_fields=["rounds_completed", "crashes"])
        move(row, _with_dependencies(row) if following is PENDING else following)
        verb = "reopened" if reopened else verb
        activity.record(row.workspace_id, f"entry.{verb}", by=by, object_id=row.pk, reason=reason)
    wake.nudge(row.workspace_id)
    wake.hint(row.workspace_id, "entries", "locks", "executor")
    return row


def _with_dependencies(entry: Entry) -> Next:
    failed = Entry.objects.filter(dependents__entry=entry, status=Entry.Status.FAILED).first()
    return Next("blocked", "dependency_failed", f"#{failed.seq} {failed.title} failed"[:500]) if failed else PENDING


def locked(entry: Entry) -> Entry:
    """The entry as it is now, with its executor's row locked. Inside a transaction. Raises NotFound when it was deleted."""
    Executor.objects.select_for_update().get(pk=entry.workspace_id)
    row = Entry.objects.select_related("account").filter(pk=entry.pk, deleted_at__isnull=True).first()
    if row is None:
        raise NotFound("Entry not found")
    return row


def set_priority(entry: Entry, priority: Entry.Priority, *, by: Caller, reason: str = "") -> Entry:
    """Change its place in line."""
    with transaction.atomic():
        row = locked(entry)
        before, row.priority = row.priority, priority
        row.save(update_fields=["priority", "updated_at"])
        data = {"before": Entry.Priority(before).name.lower(), "after": Entry.Priority(priority).name.lower()}
        activity.record(row.workspace_id, "entry.priority", by=by, object_id=row.pk, reason=reason, data=data)
    wake.nudge(row.workspace_id)
    wake.hint(row.workspace_id, "entries")
    return row


def set_rounds(entry: Entry, budget_rounds: int, *, by: Caller, reason: str = "") -> Entry:
    """Change how many rounds it may make. One that failed for want of rounds goes on."""
    with transaction.atomic():
        row = locked(entry)
        before, row.budget_rounds = row.budget_rounds, budget_rounds
        row.save(update_fields=["budget_rounds", "updated_at"])
        if row.reason_code == "rounds_exhausted" and budget_rounds > row.rounds_completed:
            move(row, PENDING)
        data = {"before": before, "after": budget_rounds}
        activity.record(row.workspace_id, "entry.rounds", by=by, object_id=row.pk, reason=reason, data=data)
    wake.nudge(row.workspace_id)
    wake.hint(row.workspace_id, "entries")
    return row


def set_parallel(
    entry: Entry, *, parallelizable: bool | None = None, parallel_group: str | None = None, by: Caller, reason: str = ""
) -> Entry:
    """Change beside what it may run (None: as it is). What runs now goes on: the next start of a session looks at it."""
    with transaction.atomic():
        row = locked(entry)
        before = {"parallelizable": row.parallelizable, "parallel_group": row.parallel_group}
        row.parallelizable = row.parallelizable if parallelizable is None else parallelizable
        row.parallel_group = row.parallel_group if parallel_group is None else parallel_group
        row.save(update_fields=["parallelizable", "parallel_group", "updated_at"])
        data = {"before": before, "after": {"parallelizable": row.parallelizable, "parallel_group": row.parallel_group}}
        activity.record(row.workspace_id, "entry.parallel", by=by, object_id=row.pk, reason=reason, data=data)
    wake.nudge(row.workspace_id)
    wake.hint(row.workspace_id, "entries")
    return row


def assign(entry: Entry, assigned_to: str, *, by: Caller, reason: str = "") -> Entry:
    """Say whose it is. Nothing is dispatched by it."""
    with transaction.atomic():
        row = locked(entry)
        before, row.assigned_to = row.assigned_to, assigned_to
        row.save(update_fields=["assigned_to", "updated_at"])
        data = {"before": before, "after": assigned_to}
        activity.record(row.workspace_id, "entry.assigned", by=by, object_id=row.pk, reason=reason, data=data)
    wake.hint(row.workspace_id, "entries")
    return row


def set_spec(entry: Entry, spec: dict[str, Any], *, by: Caller) -> Entry:
    """Replace its spec, and with it the paths it will lock. Raises Invalid when it is frozen or at work."""
    with transaction.atomic():
        row = locked(entry)
        if row.spec_frozen:
            raise Invalid("The spec is frozen", "spec")
        if row.status == Entry.Status.IN_PROGRESS or row.locks.exists():
            raise Invalid("The entry is at work and holds its locks: its spec cannot change now", "spec")
        row.spec, row.paths, row.parked_behind = spec, paths_of(spec), None
        row.save(update_fields=["spec", "paths", "parked_behind", "updated_at"])
        activity.record(row.workspace_id, "entry.spec", by=by, object_id=row.pk)
    wake.nudge(row.workspace_id)
    return row


def freeze_spec(entry: Entry, *, by: Caller) -> Entry:
    """From now on nobody changes its spec."""
    with transaction.atomic():
        row = locked(entry)
        if not row.spec_frozen:
            row.spec_frozen = True
            row.save(update_fields=["spec_frozen", "updated_at"])
            activity.record(row.workspace_id, "entry.spec_frozen", by=by, object_id=row.pk)
        return row


def reverify(entry: Entry, *, by: Caller) -> Entry:
    """Verification only, of what the last session left; `rounds_completed` starts anew (contract.md). Raises Invalid."""
    with transaction.atomic():
        row = locked(entry)
        if not Session.objects.filter(entry=row, rounds__isnull=False).exists():
            raise Invalid("Entry has no prior worker session to reverify", "entryID")
        if row.status == Entry.Status.IN_PROGRESS:
            raise Invalid("Entry is in progress: stop its session first", "entryID")
        row.rounds_completed, row.crashes, row.next_work, row.has_rounds = 0, 0, Entry.Work.VERIFY, True
        row.save(update_fields=["rounds_completed", "crashes", "next_work", "has_rounds"])
        move(row, PENDING)
        activity.record(row.workspace_id, "entry.reverify", by=by, object_id=row.pk)
    wake.nudge(row.workspace_id)
    wake.hint(row.workspace_id, "entries")
    return row


def delete(entry: Entry, *, by: Caller, reason: str = "") -> None:
    """Take an entry off the backlog; its sessions and money stay on record. Raises Invalid while it runs or others depend on it."""
    with transaction.atomic():
        row = locked(entry)
        if row.status == Entry.Status.IN_PROGRESS:
            raise Invalid("The entry is in progress: stop its session first", "entryID")
        if others := list(Entry.objects.filter(dependencies__depends_on=row, deleted_at__isnull=True)[:5]):
            named = ", ".join(other.pk for other in others)
            raise Invalid(f"Other entries depend on it: {named}", "entryID")
        locks.release(row.workspace_id, [row.pk])
        Dependency.objects.filter(entry=row).delete()
        Entry.objects.filter(pk=row.pk).update(deleted_at=Now())
        funding.due(row.workspace_id)
        rest.tell(row.workspace_id, before=rest.was(row.status, row.unmet_dependencies))
        data = {"title": row.title}
        activity.record(row.workspace_id, "entry.deleted", by=by, object_id=row.pk, reason=reason, data=data)
    wake.nudge(row.workspace_id)
    wake.hint(row.workspace_id, "entries", "budget")


def paths_of(spec: dict[str, Any]) -> list[str]:
    """What an entry with this spec locks. Raises Invalid for a bad path."""
    listed: list[str] = []
    for key in ("files_to_create", "files_to_modify"):
        for path in spec.get(key) or []:
            try:
                listed.append(paths.normalise(path))
            except paths.BadPath as bad:
                raise Invalid(f"{path!r}: {bad}"[:300], key) from None
    return paths.normalise_all(listed)


def _entry(workspace_id: str, seq: int, draft: Draft, by: Caller) -> Entry:
    entry = Entry(
        workspace_id=workspace_id,
        seq=seq,
        type=draft.type,
        content=draft.content,
        spec=draft.spec,
        paths=paths_of(draft.spec),
        priority=draft.priority,
        parallelizable=draft.parallelizable,
        parallel_group=draft.parallel_group,
        created_by=by.name,
        assigned_to=draft.assigned_to,
    )
    entry.account_id = entry.pk
    if draft.budget_rounds is not None:
        entry.budget_rounds = draft.budget_rounds
    return entry


def _told(made: Sequence[Entry]) -> dict[str, Any]:
    """One line for all of them, also of those that begin without money: who added them is told so, and a notice each would be a flood."""
    poor = sum(entry.reason_code == "project_budget_exceeded" for entry in made)
    told = {"count": len(made), "entries": [entry.pk for entry in made[:50]]}
    return told | ({"without_money": poor} if poor else {})


def _open_accounts(project: Project, made: Sequence[tuple[Entry, Draft]], config: configuration.Config) -> None:
    """Their own budgets, or shares of what the plan has left; one for which nothing is left waits for money."""
    promised = sum(draft.budget or 0 for _, draft in made)
    shares = funding.for_new(project, [entry for entry, draft in made if draft.budget is None], config, promised=promised)
    for entry, draft in made:
        if (
            draft.budget is None
            and not shares.get(entry.pk)
            and entry.status == Entry.Status.PENDING
            and not entry.unmet_dependencies
        ):
            _set(entry, Next("blocked", "project_budget_exceeded", NO_MONEY_LEFT))
    Account.objects.bulk_create(
        Account(
            id=entry.pk,
            project=project,
            budget=shares.get(entry.pk, 0) if draft.budget is None else draft.budget,
            own_budget=draft.budget is not None,
        )
        for entry, draft in made
    )


def _resolve(workspace_id: str, drafts: Sequence[Draft], made: Sequence[Entry]) -> dict[str, list[str]]:
    """Entry id to the ids it depends on. Raises Invalid for what is unknown, repeated or circular."""
    by_ref: dict[str, str] = {}
    for draft, entry in zip(drafts, made, strict=True):
        if draft.ref and draft.ref in by_ref:
            raise Invalid(f"The ref {draft.ref!r} is used twice", "ref")
        if draft.ref:
            by_ref[draft.ref] = entry.pk
    named = {name for draft in drafts for name in draft.depends_on} - by_ref.keys()
    real = set(
        Entry.objects.filter(workspace_id=workspace_id, pk__in=named, deleted_at__isnull=True).values_list("pk", flat=True)
    )
    if missing := sorted(named - real):
        raise Invalid(f"Unknown entry or ref: {missing[0][:100]!r}", "depends_on")
    wanted = {
        entry.pk: list(dict.fromkeys(by_ref.get(name, name) for name in draft.depends_on))
        for draft, entry in zip(drafts, made, strict=True)
    }
    if loop := graph.cycle(wanted):
        names = {entry.pk: draft.ref or entry.title for draft, entry in zip(drafts, made, strict=True)}
        raise Invalid("Dependency cycle: " + " -> ".join(names.get(id_, id_) for id_ in loop), "depends_on")
    return wanted
