"""What a workspace lets its agents apply without a person."""

from collections.abc import Sequence
from typing import Literal

from orchestration import configuration, funding
from orchestration.models import Executor, Proposal, Run
from orchestration.proposals import applying
from orchestration.proposals.applying import Outcome
from workspaces.access import MUSTER
from workspaces.errors import Conflict, Invalid

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
    """`all`: whatever is not marked. `safe`: of those, as many as the money that is not reserved pays a least round each, what others wait
    for first. Pure."""
    if mode == "never":
        return []
    clean = [proposal for proposal in proposals if not proposal.note]
    chosen: list[Proposal] = []
    refs = {str(proposal.after["ref"]) for proposal in proposals if proposal.after.get("ref")}
    added: set[str] = set()
    while len(chosen) < (len(clean) if mode == "all" else affordable):
        ready = (p for p in clean if p not in chosen and refs.intersection(p.after.get("depends_on") or ()) <= added)
        if (following := next(ready, None)) is None:
            break
        chosen.append(following)
        added.add(str(following.after.get("ref", "")))
    return chosen
