"""The parts of an entry that a person writes: its text, its spec, its group, its dependencies, the labels that it requires. One edit of
them, refused when the entry has changed since that person read it; and hashes by which an import sees what a person has changed."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from orchestration import configuration
from orchestration.backlog import dependencies, entry_state
from orchestration.backlog.entries import named_agent, spec_paths
from orchestration.backlog.entry_actions import SomeRefuse
from orchestration.backlog.tree import leaves
from orchestration.configuration import entry_routes
from orchestration.configuration.config import routes
from orchestration.facts import events
from orchestration.facts.reasons import WITHOUT_PROOF, Reason
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor, Round
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid
from workspaces.models import Event

SPEC_FIELDS = (
    "requirements",
    "acceptance_criteria",
    "files_to_create",
    "files_to_modify",
    "tests",
    "test_files",
    "patterns",
    "api_contract",
    "examples",
    "integration_points",
)
EDITED_FIELDS = ("content", "group", *SPEC_FIELDS, "depends_on", "requires", "agent", "route")
LINE_FIELDS = ("priority", "parallelizable", "parallel_group")


@dataclass(frozen=True)
class Change:
    """New values. None: unchanged. `depends_on`: ids of entries."""

    content: str | None = None
    group: str | None = None
    spec: dict[str, Any] | None = None
    depends_on: tuple[str, ...] | None = None
    priority: Entry.Priority | None = None
    parallelizable: bool | None = None
    parallel_group: str | None = None
    requires: tuple[str, ...] | None = None
    agent: str | None = None
    route: tuple[configuration.Step, ...] | None = None


def values(entry: Entry, depends_on: Iterable[str]) -> dict[str, Any]:
    """The values of an entry by the API's names. An empty value is None, whatever its type."""
    return fields(
        content=entry.content,
        group=entry.group,
        spec=entry.spec,
        depends_on=depends_on,
        priority=entry.priority,
        parallelizable=entry.parallelizable,
        parallel_group=entry.parallel_group,
        requires=entry.requires,
        agent=entry.agent,
        route=routes.written(entry_routes.own(entry)),
    )


def fields(
    *,
    content: str,
    group: str,
    spec: Mapping[str, Any],
    depends_on: Iterable[str],
    priority: int,
    parallelizable: bool,
    parallel_group: str,
    requires: Iterable[str],
    agent: str,
    route: str,
) -> dict[str, Any]:
    named: dict[str, Any] = {"content": content.strip(), "group": group, "depends_on": sorted(depends_on)}
    named |= {name: spec.get(name) for name in SPEC_FIELDS}
    line = {"priority": Entry.Priority(priority).name.lower(), "parallelizable": parallelizable, "parallel_group": parallel_group}
    line |= {"requires": sorted(requires), "agent": agent, "route": route}
    return {name: value if value or value is False else None for name, value in (named | line).items()}


def hashes(named: Mapping[str, Any]) -> dict[str, str]:
    """A short hash of each value."""
    return {name: _hash(value) for name, value in named.items()}


def version(named: Mapping[str, Any]) -> str:
    """A hash that changes with each value that the form of an entry edits, and with no other."""
    return _hash([named[name] for name in EDITED_FIELDS])


def edit(entry: Entry, change: Change, *, by: Caller, reason: str = "", seen: str = "") -> Entry:
    """Change an entry that is not at work. `seen`: the version that the person read; Conflict if it is another now. Raises Invalid."""
    with transaction.atomic():
        row = entry_state.lock(entry)
        needs = list(row.dependencies.order_by("id").values_list("depends_on_id", flat=True))
        if seen and seen != version(values(row, needs)):
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
            entry_routes.begin(row, config)
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
    verbs = (events.EntryEdited.verb, events.EntrySpecSet.verb)
    edits = Event.objects.filter(workspace_id=entry.workspace_id, object_id=entry.pk, verb__in=verbs, at__gt=moment)
    return any(not {"content", *SPEC_FIELDS}.isdisjoint(edit.data.get("fields", SPEC_FIELDS)) for edit in edits)


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
    before = values(row, ())
    if change.spec is not None and change.spec != row.spec:
        _write_spec(row, change.spec)
    for name in ("content", "group", *LINE_FIELDS):
        if (value := getattr(change, name)) is not None:
            setattr(row, name, value)
    if change.requires is not None:
        row.requires = list(change.requires)
    if change.agent is not None or change.route is not None or row.group != before["group"]:
        _write_route(row, change)
    after = values(row, ())
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        if not {"content", *SPEC_FIELDS}.isdisjoint(changed):
            implement_anew(row)
        own = ("content", "group", "spec", "paths", "parked_behind", "requires", "agent", "route", "updated_at")
        row.save(update_fields=[*own, *entry_routes.COLUMNS, *LINE_FIELDS])
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
        entry_routes.begin(row, config)
    else:
        entry_routes.point(row, config)


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
