"""A person changes a proposal before it is applied."""

from django.db import transaction

from orchestration.models import Executor, Proposal
from orchestration.proposals import answers, world
from orchestration.proposals.schema import ProposedEntry
from orchestration.proposals.world import World
from workspaces.access import Caller
from workspaces.errors import Conflict, Invalid


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
        known = World(entries=world.entries(workspace_id))
        refuse(after, others, known)
        after = answers.with_ids(after, known)
        row.after, row.edited_by, row.note = after.stored(), by.name, ""
        row.save(update_fields=["after", "edited_by", "note"])
    return row


def refuse_kind(proposal: Proposal) -> None:
    """Raises Invalid for a proposal that adds no entry."""
    if proposal.kind != Proposal.Kind.ADD:
        raise Invalid("Only a new entry can be edited: apply the change, or edit the entry itself", "proposalID")


def refuse(entry: ProposedEntry, others: list[ProposedEntry], known: World) -> None:
    """Raises Invalid with the first problem. A person may name files that do not exist, as for any entry."""
    before = set(answers.check(others, known))
    for problem in answers.check([*others, entry], known):
        if problem not in before:
            raise Invalid(problem, "after")
