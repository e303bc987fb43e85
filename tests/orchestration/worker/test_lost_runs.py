"""A run whose worker died is ended by the reaper, and its money is charged to its own category."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from budget.amounts import usd
from budget.models import Hold
from orchestration.executor import reconcile
from orchestration.models import Session
from orchestration.proposals import making
from orchestration.proposals.answering.answers import additions
from orchestration.proposals.answering.proposed import Answer
from orchestration.proposals.kinds.schema import AnsweredEntry
from orchestration.worker import reaper
from tests.factories import a_workspace, project
from tests.orchestration.proposals.made import PLANNER, a_running_run, states


@pytest.fixture
def lost(db: None) -> Session:
    """A running run whose lease is over."""
    session = a_running_run(a_workspace(planner=PLANNER))
    Session.of_any_role.filter(pk=session.pk).update(lease_until=Now() - timedelta(days=1))
    return session


def test_it_is_lost_and_its_money_waits_for_its_host(lost: Session) -> None:
    assert reaper.reap() == 1
    lost.refresh_from_db()
    assert lost.outcome == Session.Outcome.LOST
    host = lost.host
    assert lost.outcome_message == f"{host} is away: ask again; the rest of the reservation waits for what {host} has counted"
    money = project(lost.workspace)
    assert (money.orchestrator_spent, money.entry_spent, money.held) == (0, 0, usd("0.1"))


def test_after_an_hour_it_is_charged_to_its_own_category(lost: Session) -> None:
    reaper.reap()
    Hold.objects.update(awaits_until=Now() - timedelta(seconds=1))
    reconcile.run()
    money = project(lost.workspace)
    assert (money.orchestrator_spent, money.entry_spent, money.held) == (usd("0.1"), 0, 0)


def test_with_its_proposals_only_its_end_was_missing(lost: Session) -> None:
    making.keep_answer(lost, "the answer", Answer(additions([AnsweredEntry(content="Parse dates")])))
    reaper.reap()
    lost.refresh_from_db()
    assert lost.outcome == Session.Outcome.PASSED
    assert states(lost.run) == ["open"]


def test_a_superseded_worker_proposes_nothing(lost: Session) -> None:
    reaper.reap()
    with pytest.raises(Exception, match=lost.pk):
        making.keep_answer(lost, "the answer", Answer(additions([AnsweredEntry(content="Parse dates")])))
    assert states(lost.run) == []
