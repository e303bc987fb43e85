"""An agent's estimates are compared with what happened to its entries, and the allocation uses the good ones."""

from decimal import Decimal
from typing import Any

import pytest

from budget.allocation import policy, reallocation
from budget.allocation.estimates import Prior
from budget.models import Project, RoundSpend
from orchestration.funding import expectations
from orchestration.models import Entry, Round, Session
from orchestration.proposals import applying
from tests.factories import ANA, a_session, a_workspace
from tests.orchestration.proposals.made import PLANNER, a_run
from workspaces.models import Workspace

SURE = {"chance_1": Decimal(1), "chance_2": Decimal(1), "chance_3": Decimal(1), "round_usd": Decimal("0.1")}
HOPELESS = {"chance_1": Decimal(0), "chance_2": Decimal(0), "chance_3": Decimal(0), "round_usd": Decimal("0.3")}


pytestmark = pytest.mark.shop(planner=PLANNER, max_workers=20, round_ceiling_usd=0.5)


def added(workspace: Workspace, *estimates: dict[str, Any]) -> list[Entry]:
    """Entries of one run."""
    run = a_run(workspace, *({"content": f"Entry {n}", "estimate": estimate} for n, estimate in enumerate(estimates)))
    return [proposal.entry for proposal in applying.apply(run, by=ANA).applied if proposal.entry]


def happened(entry: Entry, *verdicts: str, cost: int) -> None:
    session = a_session(entry)
    for number, verdict in enumerate(verdicts, start=1):
        Round.objects.update_or_create(entry=entry, number=number, defaults={"session": session, "verdict": verdict})
        RoundSpend.objects.update_or_create(account_id=entry.pk, number=number, defaults={"cost": cost})


def test_estimates_are_compared_by_agent_and_a_good_one_is_the_prior_of_its_entries(workspace: Workspace) -> None:
    rows = added(workspace, *[SURE, HOPELESS] * 3, SURE)
    for row in rows[:6:2]:
        happened(row, "passed", cost=100_000)
    for row in rows[1:6:2]:
        happened(row, "failed", "failed", "failed", cost=300_000)
    [(agent, (calibrated, expected))] = expectations.calibrations(workspace.pk).items()
    assert (agent, calibrated.entries, calibrated.counts, len(expected)) == ("command", 6, True, 7)
    assert expectations.priors(workspace.pk)[rows[6].pk] == Prior(100_000, 1)
    snapshot = reallocation.snapshot(Project.objects.get(pk=workspace.pk), policy.load(workspace.pk))
    assert next(row for row in snapshot.rows if row.id == rows[6].pk).prior == Prior(100_000, 1)


def test_an_agent_that_is_no_better_is_no_prior(workspace: Workspace) -> None:
    for row in added(workspace, *[SURE] * 6):
        happened(row, "failed", "failed", "failed", cost=300_000)
    assert expectations.priors(workspace.pk) == {}


def test_without_estimates_it_is_one_query(workspace: Workspace, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert expectations.priors(workspace.pk) == {}


def outcomes(workspace: Workspace) -> dict[str, tuple[str, list[tuple[str, int, int | None, int]]]]:
    """By agent: how many outcomes it has, and of each estimate the entry, its judged rounds, the one that passed and its cost."""
    return {
        agent: (
            f"{calibrated.entries} of {len(expected)}",
            [(each.entry_id, each.outcome.rounds, each.outcome.passed_after, each.outcome.cost) for each in expected],
        )
        for agent, (calibrated, expected) in expectations.calibrations(workspace.pk).items()
    }


def test_only_what_was_applied_here_and_is_on_the_backlog_counts_with_its_judged_and_paid_rounds(workspace: Workspace) -> None:
    other = a_workspace(planner=PLANNER, max_workers=20, round_ceiling_usd=0.5, name="Other")
    theirs = added(other, SURE)
    happened(theirs[0], "passed", cost=900_000)
    first, second, third, gone = added(workspace, SURE, HOPELESS, SURE, SURE)
    happened(first, "failed", "unverified", "passed", "no_change", cost=100_000)
    RoundSpend.objects.filter(account_id=first.pk, number=1).update(cost=400_000)
    RoundSpend.objects.filter(account_id=first.pk, number=4).update(cost=0)
    happened(second, "unverified", cost=100_000)
    happened(gone, "passed", cost=100_000)
    Entry.objects.filter(pk=gone.pk).update(deleted_at="2026-08-04T00:00Z")
    a_run(workspace, {"content": "Not applied", "estimate": SURE}, "Without an estimate")
    assert outcomes(workspace) == {
        "command": ("1 of 3", [(third.pk, 0, None, 0), (second.pk, 0, None, 0), (first.pk, 2, 2, 200_000)])
    }
    assert outcomes(other) == {"command": ("1 of 1", [(theirs[0].pk, 1, 1, 900_000)])}


def test_an_agents_models_are_judged_each_by_itself(workspace: Workspace) -> None:
    rows = []
    for model in ("small", "large"):
        run = a_run(workspace, {"content": f"Work for the {model} one", "estimate": SURE})
        rows += [proposal.entry for proposal in applying.apply(run, by=ANA).applied if proposal.entry]
        assert Session.of_any_role.filter(pk=run.session.pk).update(agent="claude_code", model=model) == 1
    assert {agent: [row[0] for row in kept] for agent, (_, kept) in outcomes(workspace).items()} == {
        "claude_code small": [rows[0].pk],
        "claude_code large": [rows[1].pk],
    }
