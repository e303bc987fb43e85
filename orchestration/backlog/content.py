"""The parts of an entry that a person writes: its text, its spec, its group, its dependencies, the labels that it requires. One edit of
them, refused when the entry has changed since that person read it; and hashes by which an import sees what a person has changed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from orchestration import configuration
from orchestration.backlog import dependencies, entry_state, fields
from orchestration.backlog.entries import named_agent, spec_paths
from orchestration.backlog.entry_actions import SomeRefuse
from orchestration.backlog.fields import Change as Change
from orchestration.backlog.tree import leaves
from orchestration.configuration import entry_routes
from orchestration.facts import events
from orchestration.facts.reasons import WITHOUT_PROOF, Reason
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Round
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event


def hashes(named: Mapping[str, Any]) -> dict[str, str]:
    """A short hash of each value."""
    return {name: _hash(value) for name, value in named.items()}


def version(named: Mapping[str, Any]) -> str:
    """A hash that changes with each value that the form of an entry edits, and with no other."""
    return _hash([named[name] for name in fields.EDITED_FIELDS])


def edit(entry: Entry, change: Change, *, by: Caller, reason: str = "", seen: str = "") -> Entry:
    """Change an entry that is not at work. `seen`: the version that the person read; Conflict if it is another now. Raises Invalid."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        needs = list(row.dependencies.order_by("id").values_list("depends_on_id", flat=True))
        if seen and seen != version(fields.values(row, needs)):
            raise Conflict(f"#{row.seq} was changed{_last_actor(row)} since you opened it. Nothing was overwritten")
        refuse_at_work(row)
        write(row, change, by=by, reason=reason)
        if change.depends_on is not None:
            dependencies.replace_all([(row, change.depends_on)], by=by, reason=reason)
    wake_ups.enqueue_cycle(row.workspace_id)
    wake_ups.publish_change(row.workspace_id, "entries", "locks", "executor")
    return row


def set_agents(entries: Sequence[Entry], name: str, *, by: Caller, reason: str = "") -> list[Entry]:
    """Change the agent that entries of one workspace ask for, and that of their children. Raises SomeRefuse for entries at work, and Invalid for
    an agent that the config does not have."""
    with transaction.atomic():
        rows = leaves.with_children(entry_state.lock_all(entries))
        config = configuration.load(Executor.objects.get(pk=rows[0].workspace_id).config)
        agent = named_agent(config, name)
        if refused := [(row, why) for row in rows if (why := _why_at_work(row))]:
            raise SomeRefuse(refused)
        changed = [row for row in rows if row.agent != agent or row.route]
        for row in changed:
            row.agent, row.route = agent, []
            entry_routes.restart(row, config)
        Entry.objects.bulk_update(changed, ["agent", "route", *entry_routes.COLUMNS], batch_size=500)
        Entry.objects.filter(pk__in=[row.pk for row in changed]).update(updated_at=Now())
        event = events.EntryEdited(fields=["agent"])
        Event.objects.bulk_create(
            activity.row(row.workspace_id, event, by=by, object_id=row.pk, reason=reason) for row in changed
        )
    wake_ups.enqueue_cycle(rows[0].workspace_id)
    wake_ups.publish_change(rows[0].workspace_id, "entries")
    return rows


def changed_since(entry: Entry, moment: datetime) -> bool:
    """True if the entry's text or spec was changed after this moment: work that was verified before was for something else."""
    text = ("content", *fields.SPEC_FIELDS)
    verbs = (events.EntryEdited.verb, events.EntrySpecSet.verb)
    edits = Event.objects.filter(workspace_id=entry.workspace_id, object_id=entry.pk, verb__in=verbs, at__gt=moment)
    return any(not set(text).isdisjoint(edit.data.get("fields", text)) for edit in edits)


def refuse_at_work(row: Entry) -> None:
    if why := _why_at_work(row):
        raise Invalid(why, "status")


def _why_at_work(row: Entry) -> str:
    if row.status == Entry.Status.IN_PROGRESS:
        return "The entry is in progress: stop its session first, or put it on hold if it waits for its landing"
    if row.reason_code == Reason.WAITING_FOR_APPROVAL:
        return "Its work waits for approval: send it back, or put the entry on hold first"
    if row.reason_code in WITHOUT_PROOF:
        return "Its work is unproven: name tests for it, send it back, or put the entry on hold first"
    if row.reason_code == Reason.WAITING_FOR_MERGE:
        return "Its work is open as a pull request: comment on it there, or put the entry on hold first"
    return ""


def write(row: Entry, change: Change, *, by: Caller, reason: str = "") -> list[str]:
    """Write all but dependencies, and record it. Returns the names of what changed. The caller's transaction holds the executor's row."""
    before = fields.values(row, ())
    if change.spec is not None and change.spec != row.spec:
        _write_spec(row, change.spec)
    for name, field in fields.FIELDS.items():
        if name not in ("agent", "route") and (value := getattr(change, name)) is not None:
            setattr(row, name, field.stored(value))
    if change.agent is not None or change.route is not None or row.group != before["group"]:
        _write_route(row, change)
    after = fields.values(row, ())
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        if not {"content", *fields.SPEC_FIELDS}.isdisjoint(changed):
            implement_anew(row)
        row.save(update_fields=[*fields.FIELDS, "spec", "paths", "parked_behind", "updated_at", *entry_routes.COLUMNS])
        activity.record(row.workspace_id, events.EntryEdited(fields=changed), by=by, object_id=row.pk, reason=reason)
    return changed


def _write_route(row: Entry, change: Change) -> None:
    """Raises Invalid for an agent that the config does not have. Another agent or route begins with its first step."""
    config = configuration.load(Executor.objects.get(pk=row.workspace_id).config)
    before = (row.agent, row.route)
    if change.agent is not None:
        row.agent = named_agent(config, change.agent)
    if change.route is not None:
        row.route = entry_routes.checked(config, change.route)
    if (row.agent, row.route) != before:
        entry_routes.restart(row, config)
    else:
        entry_routes.set_next_agent(row, config)


def implement_anew(row: Entry) -> None:
    """Work that is finished and not verified yet was made for another text: its agent goes on with the new one, with other requests."""
    if row.least_request:
        entry_routes.forget_refusal(row)
        row.save(update_fields=[*Entry.NOT_REFUSED])
    if row.next_work == Entry.Work.VERIFY:
        newest = row.rounds.order_by("-number").first()
        if newest is not None and newest.verdict == Round.Verdict.UNVERIFIED:
            row.next_work = Entry.Work.IMPLEMENT
            row.save(update_fields=["next_work"])


def _write_spec(row: Entry, spec: dict[str, Any]) -> None:
    if row.spec_frozen:
        raise Invalid("The spec is frozen", "spec")
    paths = spec_paths(spec)
    if paths != row.paths:
        if row.locks.exists():
            raise Invalid("The entry holds its file locks between two rounds: put it on hold, then change its files", "spec")
        row.paths, row.parked_behind = paths, None
    row.spec = spec


def _last_actor(row: Entry) -> str:
    last = Event.objects.filter(workspace_id=row.workspace_id, object_id=row.pk).order_by("-id").first()
    return f" by {last.actor}" if last and last.actor else ""


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
