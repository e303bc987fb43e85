"""Money that is just enough pays for all: no round is cut, and nothing is paid again. Agents pay by the request."""

import pytest

from budget.amounts import usd
from tests.factories import project
from tests.orchestration.funding.billed_crew import BilledCrew, Job

pytestmark = pytest.mark.django_db

FORTY_CENTS = ["0.10"] * 4
LATE = {8: [1], 9: [2], 10: [3]}
ON_ONE_FILE = Job([FORTY_CENTS] * 10, {7: [5], 8: [5, 6], 9: [7]}, on_one_file=4)
TEN = Job([FORTY_CENTS] * 10, LATE)
DEAR = [["0.10"] * 10, *[FORTY_CENTS] * 9]
KINDS = ("claude_code", "codex", "command")


def work(job: Job, limit: str, kind: str) -> BilledCrew:
    crew = BilledCrew(job, limit, kind=kind).work(most=100)
    assert project(crew.workspace).held == 0
    return crew


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("job", "limit", "ticks"),
    [
        pytest.param(ON_ONE_FILE, "4.50", 16, id="some after others, four on one file"),
        pytest.param(TEN, "4.50", 8, id="some after others"),
        pytest.param(Job(TEN.requests, {}), "4.50", 4, id="all at once"),
        pytest.param(TEN, "4.00", 8, id="exactly enough"),
        pytest.param(Job(DEAR, ON_ONE_FILE.after, 4), "5.10", 22, id="the first one dearer than usual"),
        pytest.param(Job([["0.02"] * 20] * 10, LATE), "4.50", 40, id="many small requests"),
        pytest.param(Job([["0.25"] * 8] * 6, {5: [1], 6: [2]}), "13", 16, id="more than half of a ceiling each"),
        pytest.param(Job([["0.10"] * (3 + n % 4) for n in range(10)], LATE), "4.90", 9, id="of different lengths"),
    ],
)
def test_all_are_done_in_the_time_that_they_take_without_a_limit(job: Job, limit: str, ticks: int, kind: str) -> None:
    crew = work(job, limit, kind)
    assert crew.done == list(range(1, len(job.requests) + 1))
    assert (crew.cuts, crew.paid_again, project(crew.workspace).total_spent) == (0, 0, job.paid)
    assert crew.ticks == ticks and crew.worst_overrun <= 0


@pytest.mark.parametrize("kind", ["claude_code", "command"])
def test_with_money_for_all_but_one_that_one_does_not_start(kind: str) -> None:
    """An agent that gets its limit once would be cut there for certain."""
    crew = work(ON_ONE_FILE, "3.90", kind)
    assert len(crew.done) == 9 and (crew.cuts, crew.paid_again) == (0, 0)


@pytest.mark.parametrize("kind", ["claude_code", "command"])
def test_with_more_entries_than_money_each_that_starts_is_done(kind: str) -> None:
    crew = work(Job([FORTY_CENTS] * 15, LATE), "4.50", kind)
    assert len(crew.done) == 11 and (crew.cuts, crew.paid_again) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_where_all_need_more_than_there_is_the_cap_holds_to_a_request_of_each(kind: str) -> None:
    crew = work(Job([["0.10"] * 10] * 10, {}), "6.50", kind)
    assert project(crew.workspace).total_spent <= usd("6.50") + 10 * usd("0.05")
