"""The estimates of proposed entries beside what happened to them, by agent; and what of it the allocation may use."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from budget.allocation.estimates import Prior
from budget.models import RoundSpend
from orchestration.funding import calibration
from orchestration.funding.calibration import Calibration, Estimate, Outcome
from orchestration.models import Proposal, Round

NEWEST = 1000  # entries with an estimate


@dataclass(frozen=True, slots=True)
class Expected:
    """An estimate and its entry's outcome."""

    entry_id: str
    estimate: Estimate
    outcome: Outcome


def calibrations(workspace_id: str) -> dict[str, tuple[Calibration, Sequence[Expected]]]:
    """By the agent and model of the run, with its estimates, the newest first. One query without estimates, three with them."""
    agents, outcomes = _by_agent(workspace_id)
    everything = list(outcomes.values())
    return {
        agent: (calibration.calibrate([(each.estimate, each.outcome) for each in expected], everything), expected)
        for agent, expected in agents.items()
    }


def priors(workspace_id: str) -> Mapping[str, Prior]:
    """The estimates by entry, only of agents that have proved better than the workspace's medians."""
    return {
        each.entry_id: each.estimate.prior
        for calibrated, expected in calibrations(workspace_id).values()
        if calibrated.counts
        for each in expected
    }


def _by_agent(workspace_id: str) -> tuple[dict[str, list[Expected]], dict[str, Outcome]]:
    applied = Proposal.objects.filter(
        run__session__workspace_id=workspace_id, state=Proposal.State.APPLIED, kind=Proposal.Kind.ADD
    )
    rows = applied.exclude(estimate={}).filter(entry__deleted_at__isnull=True).order_by("-id")
    fields = ("entry_id", "estimate", "run__session__agent", "run__session__model")
    estimated = list(rows.values_list(*fields)[:NEWEST])
    outcomes = _outcomes(workspace_id) if estimated else {}
    agents: dict[str, list[Expected]] = defaultdict(list)
    for entry_id, stored, agent, model in estimated:
        estimate = Estimate(tuple(stored["chances"]), stored["round"])
        agents[f"{agent} {model}".strip()].append(Expected(entry_id, estimate, outcomes.get(entry_id, Outcome(0, None, 0))))
    return dict(agents), outcomes


def _outcomes(workspace_id: str) -> dict[str, Outcome]:
    """The outcomes of all entries with a judged round, by entry."""
    ended = Round.objects.filter(entry__workspace_id=workspace_id).filter(
        verdict__in=(Round.Verdict.PASSED, Round.Verdict.FAILED)
    )
    verdicts: dict[str, list[str]] = defaultdict(list)
    for entry_id, verdict in ended.order_by("entry_id", "number").values_list("entry_id", "verdict"):
        verdicts[entry_id].append(verdict)
    costs: dict[str, list[int]] = defaultdict(list)
    spends = RoundSpend.objects.filter(account__project_id=workspace_id, cost__gt=0)
    for entry_id, cost in spends.order_by().values_list("account_id", "cost"):
        costs[entry_id].append(cost)
    return {entry_id: _outcome(verdicts[entry_id], costs[entry_id]) for entry_id in verdicts}


def _outcome(verdicts: Sequence[str], costs: Sequence[int]) -> Outcome:
    passed = next((n for n, verdict in enumerate(verdicts, start=1) if verdict == Round.Verdict.PASSED), None)
    return Outcome(len(verdicts), passed, sum(costs) // len(costs) if costs else 0)
