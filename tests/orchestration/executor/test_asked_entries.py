"""An entry does not start while an agent is asked how to split it: its session would outdate the proposal."""

import pytest

from orchestration import sessions
from orchestration.edge import queries
from orchestration.executor import dispatch, explain
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Run, Session
from orchestration.proposals import expanding
from orchestration.sessions import Ending
from tests.factories import ANA, a_worker, a_workspace, an_entry, sessions_of
from workspaces.errors import Invalid
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
EXPANDER = {"agent": {"command": "true"}, "run_usd": 0.5}


@pytest.fixture
def shop() -> Workspace:
    a_worker()
    return a_workspace(expander=EXPANDER)


def run_session(run: Run) -> Session:
    return Session.of_any_role.get(pk=run.pk)


def started(shop: Workspace) -> list[str]:
    dispatch.cycle(shop.pk)
    return [str(session.entry_id) for session in sessions_of(shop)]


def test_it_waits_with_its_reason_and_others_start(shop: Workspace) -> None:
    entry, other = an_entry(shop), an_entry(shop)
    run = expanding.expand(shop, entry, by=ANA)
    assert started(shop) == [other.pk]
    why = explain.reasons(shop.pk, [entry.pk])[entry.pk].why
    assert why and why.code == Reason.SPLIT_ASKED
    assert why.message == f"An agent is asked how to split it ({run.pk}): it starts when that run has ended"
    assert queries.diagnostics(shop.pk)["blockedReasons"] == ["split_asked"]


def test_it_waits_while_the_run_is_at_work(shop: Workspace) -> None:
    entry = an_entry(shop)
    run = expanding.expand(shop, entry, by=ANA)
    assert sessions.take(run.pk, attempt=1, worker=a_worker())
    assert started(shop) == []


@pytest.mark.parametrize("outcome", Session.Outcome.values)
def test_it_starts_however_the_run_ended(shop: Workspace, outcome: str) -> None:
    entry = an_entry(shop)
    session = sessions.take(expanding.expand(shop, entry, by=ANA).pk, attempt=1, worker=a_worker())
    assert session and sessions.conclude(session, Ending(Session.Outcome(outcome)))
    assert started(shop) == [entry.pk]


def test_it_starts_when_the_run_was_stopped_before_it_began(shop: Workspace) -> None:
    entry = an_entry(shop)
    sessions.stop_run(shop.pk, expanding.expand(shop, entry, by=ANA).pk, by=ANA)
    assert started(shop) == [entry.pk]


def test_a_run_that_is_refused_for_money_keeps_nothing_waiting() -> None:
    a_worker()
    shop = a_workspace(cap="0.4", expander=EXPANDER)
    entry = an_entry(shop, budget="0.4")
    with pytest.raises(Invalid, match="a run needs"):
        expanding.expand(shop, entry, by=ANA)
    assert started(shop) == [entry.pk]


def test_any_number_of_them_keeps_no_place_in_the_line_from_others() -> None:
    a_worker()
    shop = a_workspace(max_workers=1, expander=EXPANDER)
    for _ in range(15):
        expanding.expand(shop, an_entry(shop, budget="0.1"), by=ANA)
    other = an_entry(shop)
    assert started(shop) == [other.pk]
    assert Entry.objects.filter(workspace=shop, status="pending").count() == 15
