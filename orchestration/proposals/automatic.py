"""The changes that a workspace lets its agents apply without a person."""

from collections.abc import Sequence
from typing import Literal

from orchestration import configuration, funding
from orchestration.models import Executor, Proposal, Run
from orchestration.proposals import applying
from orchestration.proposals.applying import Outcome
from workspaces.access import MUSTER
from workspaces.errors import Conflict, Invalid

Kind = Proposal.Kind
Mode = Literal["never", "safe", "all"]


def apply(run: Run) -> Outcome:
    """Apply what the `apply` of its role in the config allows, as Muster. What cannot be applied stays open for a person."""
    config = configuration.load(Executor.objects.get(pk=run.session.workspace_id).config)
    proposer = config.proposers[run.session.role]
    mode: Mode = proposer.apply if proposer else "never"
    proposals = list(run.proposals.filter(state=Proposal.State.OPEN).order_by("number"))
    affordable = funding.plan(run.session.workspace_id).free // max(config.min_round, 1)
    chosen = choose(proposals, mode, affordable)
    if not chosen:
        return Outcome()
    try:
        return applying.apply(run, by=MUSTER, only=[proposal.pk for proposal in chosen])
    except (Conflict, Invalid):  # a person was first, or the backlog refuses an entry: they decide
        return Outcome()


def choose(proposals: Sequence[Proposal], mode: Mode, affordable: int) -> list[Proposal]:
    """`all`: whatever is not marked. `safe`: of those, other priorities, and as many entries as the money that is not reserved pays a
    least round each, what others wait for first. Pure."""
    if mode == "never":
        return []
    clean = [proposal for proposal in proposals if not proposal.note]
    changes = [proposal for proposal in clean if proposal.kind != Kind.ADD]
    if mode == "safe":
        changes = [proposal for proposal in changes if proposal.kind == Kind.CHANGE and proposal.after.keys() == {"priority"}]
    added = [proposal for proposal in clean if proposal.kind == Kind.ADD]
    return [*changes, *_in_order(added, proposals, len(added) if mode == "all" else affordable)]


def _in_order(added: Sequence[Proposal], proposals: Sequence[Proposal], most: int) -> list[Proposal]:
    """The first of these additions, each after those that it waits for."""
    chosen: list[Proposal] = []
    refs = {str(proposal.after["ref"]) for proposal in proposals if proposal.after.get("ref")}
    before: set[str] = set()
    while len(chosen) < most:
        ready = (p for p in added if p not in chosen and refs.intersection(p.after.get("depends_on") or ()) <= before)
        if (following := next(ready, None)) is None:
            break
        chosen.append(following)
        before.add(str(following.after.get("ref", "")))
    return chosen
