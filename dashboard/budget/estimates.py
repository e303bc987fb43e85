"""The estimates of agents that plan, beside what happened, and how good they were."""

from typing import Any

from django.http import HttpResponse

from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration.funding import expectations
from orchestration.funding.expectations import Expected
from orchestration.models import Entry

SHOWN = 50  # entries of an agent


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    regions = HEADER | {"estimates": Region("budget/estimates.html#estimates", _agents)}
    return render_page(page_request, "budget/estimates.html", regions, tab="estimates")


def _agents(page_request: PageRequest) -> dict[str, Any]:
    agents = expectations.calibrations(page_request.workspace.pk)
    ids = {each.entry_id for _, expected in agents.values() for each in expected[:SHOWN]}
    entries = Entry.objects.only("seq", "content").in_bulk(list(ids))
    return {
        "agents": [
            {
                "agent": agent,
                "calibration": calibration,
                "rows": [_row(each, entries[each.entry_id]) for each in expected[:SHOWN]],
            }
            for agent, (calibration, expected) in agents.items()
        ]
    }


def _row(expected: Expected, entry: Entry) -> dict[str, Any]:
    outcome = expected.outcome
    return {
        "entry": entry,
        "chances": " · ".join(f"{100 * chance:.0f} %" for chance in expected.estimate.chances),
        "round": expected.estimate.round,
        "cost": outcome.cost if outcome.rounds else None,
        "passed": f"after round {outcome.passed_after}"
        if outcome.passed_after
        else f"not in {outcome.rounds}"
        if outcome.rounds
        else "",
    }
