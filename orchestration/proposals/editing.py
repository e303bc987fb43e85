"""A person changes a proposal before it is applied."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from orchestration.models import Executor, Proposal
from orchestration.proposals.answering import answers
from orchestration.proposals.answering.change_schema import NewValues
from orchestration.proposals.context import planning_context
from orchestration.proposals.context.planning_context import PlanningContext
from orchestration.proposals.kinds.schema import ProposedEntry
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid

Kind = Proposal.Kind


EDITABLE = {
    Kind.CHANGE: {"content", "spec", "priority", "depends_on", "rounds"},
    Kind.MERGE: {"content", "spec"},
    Kind.SPLIT: {"entries"},
}


def edit(proposal: Proposal, after: ProposedEntry, *, by: Caller) -> Proposal:
    """Replace the proposed entry. Raises Invalid for one that the backlog would refuse, Conflict for a proposal that is decided."""
    workspace_id = proposal.run.session.workspace_id
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        proposals = list(proposal.run.proposals.select_for_update().order_by("number"))
        row = next(row for row in proposals if row.pk == proposal.pk)
        if row.state != Proposal.State.OPEN:
            raise Conflict(f"The proposal is {row.state} already: change the entry instead")
        refuse_kind(row)
        added = [p for p in proposals if p.kind == Proposal.Kind.ADD and p.pk != row.pk]
        others = [ProposedEntry.model_validate(p.after) for p in added]
        known = PlanningContext(entries=planning_context.entries(workspace_id))
        refuse(after, others, known)
        after = answers.with_ids(after, known)
        before = ProposedEntry.model_validate(row.after)
        if (before.tests, before.test_files) != (after.tests, after.test_files):
            row.tests_on_base = {}
        row.after, row.edited_by, row.note = after.stored(), by.name, ""
        row.save(update_fields=["after", "edited_by", "note", "tests_on_base"])
    return row


def set_values(proposal: Proposal, values: NewValues, *, by: Caller) -> Proposal:
    """Set values of a proposed change or merge. A value that the entry has already is taken out of it. Raises Invalid for a value that this
    kind has not, and where nothing is left; Conflict for a proposal that is decided."""
    workspace_id, given = proposal.run.session.workspace_id, values.model_dump(mode="json", exclude_none=True)
    with transaction.atomic():
        Executor.objects.select_for_update().get(pk=workspace_id)
        row = proposal.run.proposals.select_for_update().get(pk=proposal.pk)
        if row.state != Proposal.State.OPEN:
            raise Conflict(f"The proposal is {row.state} already: change the entry instead")
        editable = EDITABLE.get(Kind(row.kind), set())
        if unknown := sorted(given.keys() - editable):
            raise Invalid(f"A proposal of the kind {row.kind} has no {unknown[0].replace('_', ' ')} to change", unknown[0])
        if "depends_on" in given:
            given["depends_on"] = _ids(given["depends_on"], PlanningContext(entries=planning_context.entries(workspace_id)), row)
        if values.entries is not None and "entries" in given:
            given = {
                "entries": _children(values.entries, PlanningContext(entries=planning_context.entries(workspace_id)), row),
                "reasons": [],
            }
        after, before = row.after | given, row.before or {}
        if row.kind == Kind.CHANGE:
            after = {key: value for key, value in after.items() if value != before.get(key)}
        if not after:
            raise Invalid("The entry has all of these values already: reject the proposal instead", "proposalID")
        row.after, row.edited_by = after, by.name
        row.save(update_fields=["after", "edited_by"])
    return row


def _ids(names: Sequence[str], known: PlanningContext, row: Proposal) -> list[str]:
    ids = {name: entry.id for name in names if (entry := known.entry(name))}
    for name in names:
        if ids.get(name, row.subject_id) == row.subject_id:
            raise Invalid(f"`{name[:100]}` is no other entry of the backlog", "depends_on")
    return sorted(set(ids.values()))


def _children(entries: list[ProposedEntry], known: PlanningContext, row: Proposal) -> list[dict[str, Any]]:
    others = replace(known, entries=[entry for entry in known.entries if entry.id != row.subject_id])
    for problem in answers.check(entries, others):
        raise Invalid(problem, "entries")
    return [answers.with_ids(entry, others).stored() for entry in entries]


def refuse_kind(proposal: Proposal) -> None:
    """Raises Invalid for a proposal that adds no entry."""
    if proposal.kind != Proposal.Kind.ADD:
        raise Invalid("Only a new entry can be edited: apply the change, or edit the entry itself", "proposalID")


def refuse(entry: ProposedEntry, others: list[ProposedEntry], known: PlanningContext) -> None:
    """Raises Invalid with the first problem. A person may name files that do not exist, as for any entry."""
    before = set(answers.check(others, known))
    for problem in answers.check([*others, entry], known):
        if problem not in before:
            raise Invalid(problem, "after")
