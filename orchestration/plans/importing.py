"""Plans against the database: a preview, and its application in one transaction, which refuses a preview that is outdated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Q

from orchestration import configuration
from orchestration.backlog import content, dependencies, entries, entry_state, fields
from orchestration.backlog.entries import Draft
from orchestration.facts import events
from orchestration.messaging import wake_ups
from orchestration.models import Entry, Executor
from orchestration.plans import checking, difference, imported
from orchestration.plans.checking import Checked
from orchestration.plans.difference import Difference, Known, Line
from orchestration.plans.names import Existing
from orchestration.plans.readers.shared.items import Plan, Problem
from workspaces import activity
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

NO_TESTS: Mapping[int, list[str]] = {}


class Outdated(Conflict):
    """The backlog has changed since the preview. Nothing was imported."""

    def __init__(self) -> None:
        super().__init__("The backlog has changed since this preview: look at it again. Nothing was imported")


@dataclass(frozen=True)
class Preview:
    """`name`: the plan's; entries are compared with those that were imported under the same name."""

    name: str
    checked: Checked
    difference: Difference

    @property
    def problems(self) -> list[Problem]:
        return self.checked.problems


@dataclass(frozen=True)
class Outcome:
    added: list[Entry]
    changed: int
    kept: int


def check(workspace_id: str, plan: Plan, known: Sequence[Known] = ()) -> Checked:
    """Each entry by the schema, each dependency against the backlog, each agent against the config."""
    seqs, ids = checking.numbers(plan)
    alive = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True)
    named = alive.filter(Q(seq__in=seqs) | Q(pk__in=ids)) if seqs or ids else Entry.objects.none()
    existing = [Existing(entry.pk, entry.seq, entry.title, entry.status) for entry in named]
    before = [Existing(entry.id, entry.seq, entry.title, entry.status, entry.source_id) for entry in known if not entry.deleted]
    config = configuration.load(Executor.objects.get(pk=workspace_id).config)
    return checking.check(plan, [*existing, *before], config)


def preview(workspace_id: str, plan: Plan, *, by: Caller, name: str = "", restore: bool = False) -> Preview:
    """Compare, and rehearse the import: a refusal is one of the problems. Nothing is saved."""
    result = _compare(workspace_id, plan, name or plan.name, restore)
    if other := imported.under_another_name(workspace_id, result.name, result.difference):
        message = f"The same entries were imported from the plan {other!r}: give this one that name to compare with them"
        result.checked.doubts.append(Problem(0, message))
    if not result.problems:
        try:
            with transaction.atomic():
                _carry_out(workspace_id, result, by=by)
                transaction.set_rollback(True)
        except Invalid as why:
            result.problems.append(Problem(0, why.message))
    return result


def apply(
    workspace_id: str,
    plan: Plan,
    *,
    by: Caller,
    token: str,
    name: str = "",
    restore: bool = False,
    tests: Mapping[int, list[str]] | None = None,
) -> Outcome:
    """Import what the preview with this token showed, all or nothing. Raises Outdated, and Invalid for a plan with problems.

    `tests`: what a person adds to new entries, by their line of the plan; like any edit, it stays when the plan is imported again.
    """
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        result = _compare(workspace_id, plan, name or plan.name, restore)
        if result.problems:
            raise Invalid(result.problems[0].message, "plan")
        if result.difference.token != token:
            raise Outdated
        outcome = _carry_out(workspace_id, result, by=by, tests=tests or {})
    wake_ups.enqueue_cycle(workspace_id)
    wake_ups.publish_change(workspace_id, "entries", "budget", "locks", "executor")
    return outcome


def _compare(workspace_id: str, plan: Plan, name: str, restore: bool) -> Preview:
    known = imported.entries(workspace_id, name)
    checked = check(workspace_id, plan, known)
    return Preview(name, checked, difference.compare(checked, known, restore=restore))


def _carry_out(workspace_id: str, result: Preview, *, by: Caller, tests: Mapping[int, list[str]] = NO_TESTS) -> Outcome:
    lines = result.difference.lines
    ids = {line.row.draft.ref: line.entry.id for line in lines if line.row.draft and line.entry and not line.entry.deleted}
    gone = {line.row.draft.ref for line in lines if line.row.draft and line.kind == "deleted"}
    fresh = result.difference.of("added")
    drafts = [_with_tests(_draft(line, ids, gone), tests.get(line.row.item.line)) for line in fresh]
    created = entries.add(workspace_id, drafts, by=by, blocks_poor=True) if drafts else []
    ids |= {draft.ref: entry.pk for draft, entry in zip(drafts, created, strict=True) if draft.ref}
    changed = _change(workspace_id, result.difference.of("changed"), ids, result.name, by)
    _mark(result.name, [*zip(fresh, created, strict=True), *changed, *_others(lines)], ids)
    kept = len(result.difference.kept)
    event = events.PlanImported(plan=result.name, added=len(created), changed=len(changed), kept=kept)
    activity.record(workspace_id, event, by=by, object_id=workspace_id)
    return Outcome(created, len(changed), kept)


def _draft(line: Line, ids: dict[str, str], gone: set[str]) -> Draft:
    """The draft of a new entry; what it waits for is on the backlog already, or is added in the same call."""
    draft = line.row.draft
    assert draft is not None
    return replace(draft, depends_on=tuple(dict.fromkeys(ids.get(name, name) for name in draft.depends_on if name not in gone)))


def _with_tests(draft: Draft, tests: list[str] | None) -> Draft:
    return replace(draft, spec={**draft.spec, "tests": tests}) if tests else draft


def _change(workspace_id: str, lines: Sequence[Line], ids: dict[str, str], name: str, by: Caller) -> list[tuple[Line, Entry]]:
    if not lines:
        return []
    rows = entry_state.lock_all([Entry(pk=line.entry.id, workspace_id=workspace_id) for line in lines if line.entry])
    reason = f"Imported from {name}" if name else "Imported from its plan"
    wishes = []
    for line, row in zip(lines, rows, strict=True):
        values = {change.name: change.after for change in line.changes}
        content.write(row, _as_change(row, values), by=by, reason=reason)
        if "depends_on" in values:
            wishes.append((row, [ids.get(id_.removeprefix(difference.NEW), id_) for id_ in values["depends_on"] or ()]))
    dependencies.replace_all(wishes, by=by, reason=reason)
    return list(zip(lines, rows, strict=True))


def _as_change(row: Entry, values: dict[str, Any]) -> fields.Change:
    spec = dict(row.spec) | {name: value for name, value in values.items() if name in fields.SPEC_FIELDS}
    return fields.Change(**fields.read(values), spec={name: value for name, value in spec.items() if value is not None})


def _others(lines: Sequence[Line]) -> list[tuple[Line, Entry]]:
    """The lines whose entries do not change, with their entries."""
    same = {line.entry.id: line for line in lines if line.entry and line.kind in ("unchanged", "kept", "busy")}
    return [(same[row.pk], row) for row in Entry.objects.filter(pk__in=same)]


def _mark(name: str, pairs: Sequence[tuple[Line, Entry]], ids: dict[str, str]) -> None:
    """Note on each entry where it stands in the plan, and a hash of each of its values that are the plan's."""
    for line, row in pairs:
        values = dict(line.values)
        values["depends_on"] = (
            sorted(ids.get(id_.removeprefix(difference.NEW), id_) for id_ in values["depends_on"] or ()) or None
        )
        hashes = content.hashes(values)
        stay = {change.name for change in line.kept}
        before = line.entry.hashes if line.entry else {}
        row.source_hashes = {key: before.get(key, "") if key in stay else hash_ for key, hash_ in hashes.items()}
        row.source_plan, row.source_id, row.source_path = name, line.row.source_id, line.row.path
    fields = ["source_plan", "source_id", "source_path", "source_hashes"]
    Entry.objects.bulk_update([row for _, row in pairs], fields, batch_size=100)
