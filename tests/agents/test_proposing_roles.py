"""Real CLIs as planners, expanders and orchestrators: however a run of theirs ends, each cent is what the provider counted, and booked once."""

from pathlib import Path

import pytest

from budget.categories import CATEGORIES
from orchestration.processes import leftovers
from tests.agents.harness import MICRO
from tests.agents.llm import ScriptedLLM
from tests.agents.proposing import AGENTS, STEPS, Case, Step, Sweep, cases_of
from tests.cases import all_cases
from tests.faults.harness import Client, Running

CLIS = tuple(AGENTS)
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def sweep(muster: tuple[Running, Client, Path], provider: ScriptedLLM) -> Sweep:
    running, client, folder = muster
    return Sweep(running, client, provider, folder / "proposing", folder / "plans")


@pytest.fixture
def step(request: pytest.FixtureRequest, sweep: Sweep) -> Step:
    """A step that its runs have reached, and that ended them."""
    step: Step = request.param
    sweep.played(step)
    return step


each_step = pytest.mark.parametrize("step", STEPS, ids=str, indirect=True)


@pytest.fixture
def cases(step: Step, sweep: Sweep) -> dict[str, Case]:
    return {"-".join(name): sweep.cases[name] for name in cases_of(step)}


@each_step
def test_its_runs_end_as_they_must_and_leave_nothing_alive(step: Step, cases: dict[str, Case]) -> None:
    with all_cases() as each:
        for name, case in cases.items():
            with each(name):
                run = case.run(step)
                assert run["status"] == step.ends, (run, case.log(step))
                assert leftovers.marked_pids(run["id"]) == []
                assert case.work.call("GET", "/budget/holds")["holds"] == []


@each_step
def test_each_cent_of_its_runs_is_booked_once(step: Step, cases: dict[str, Case]) -> None:
    with all_cases() as each:
        for name, case in cases.items():
            with each(name):
                counted = case.provider.cost(case.scenarios[step.name])
                rows = case.rows(step)
                assert counted == sum(round(row["amount_usd"] * MICRO) for row in rows)
                assert counted == round(case.run(step)["cost_usd"] * MICRO)
                assert {row["category"] for row in rows} <= {case.role.category}
                assert len(rows) >= step.paid and (counted > 0) == (step.paid > 0)


@each_step
def test_their_category_is_what_the_provider_counted_so_far(step: Step, cases: dict[str, Case]) -> None:
    with all_cases() as each:
        for name, case in cases.items():
            with each(name):
                counted = sum(case.provider.cost(case.scenarios[name]) for name in case.runs)
                assert case.spent() == dict.fromkeys(CATEGORIES, 0) | {case.role.category: counted}


@each_step
def test_they_have_proposals_where_they_passed(step: Step, cases: dict[str, Case]) -> None:
    with all_cases() as each:
        for name, case in cases.items():
            with each(name):
                proposals = case.work.call("GET", f"/runs/{case.runs[step.name]}/proposals")["proposals"]
                assert [proposal["kind"] for proposal in proposals] == ([case.role.kind] if step.ends == "passed" else [])
