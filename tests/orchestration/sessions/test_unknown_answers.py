"""Unknown money ends by itself after the config's `unknown_after_h`, and the entry says meanwhile what it waits for."""

from datetime import timedelta

import pytest
from django.db.models import F, Q

from budget.amounts import usd
from budget.ledger import awaited, requests
from budget.ledger.requests import Bounded
from budget.models import Category, GatewayRequest, Hold, Project
from budget.reads import queries
from orchestration.executor import snapshot
from orchestration.maintenance import audit
from orchestration.models import Executor, Session
from orchestration.sessions import Ending, conclude
from orchestration.sessions.absent_hosts import settling
from orchestration.sessions.doubts import unknown_answers
from tests.factories import ANA, a_session, a_worker, a_workspace, an_entry
from workspaces.models import Event, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Workspace:
    a_worker(slots=9, host="one")
    return a_workspace()


def lost_request(shop: Workspace, *, meter: str = "gateway", **ending: str) -> Hold:
    """A session's that has ended, with $0.6 of its $2 for a request whose gateway was killed."""
    session = a_session(an_entry(shop, budget="2"))
    assert session.hold
    Session.objects.filter(pk=session.pk).update(meter=meter)
    access = requests.open_access(session.hold, role="implement", category=Category.ENTRY, upstreams={}, round_number=1)
    row = requests.send(access, Bounded("anthropic", "m", usd("0.6"), seen=usd("0.01")), gateway="gate_1")
    requests.lose(Q(pk=row))
    assert conclude(session, Ending(Session.Outcome.LOST, "killed", **ending))
    return Hold.objects.get(pk=session.hold_id)


def later(hours: int) -> int:
    Hold.objects.update(unknown_since=F("unknown_since") - timedelta(hours=hours))
    return unknown_answers.settle_overdue()


def test_after_its_time_it_is_settled_at_what_was_seen(shop: Workspace) -> None:
    hold = lost_request(shop)
    assert (hold.state, hold.remainder) == ("awaiting", usd("0.6"))
    assert later(23) == 0
    Executor.objects.update(config={"unknown_after_h": 30})
    assert later(6) == 0 and later(2) == 1 and later(99) == 0
    project = Project.objects.get()
    assert (project.total_spent, project.held) == (usd("0.01"), 0)
    assert Event.objects.get(verb="spend.unknown_settled").reason == "30 hours are over"


def test_an_entry_reports_for_which_unknown_money_it_waits(shop: Workspace) -> None:
    hold = lost_request(shop)
    input_ = snapshot.cycle_input(shop.pk, lock=False)
    [waiting] = snapshot.unfinished(shop.pk, input_)
    assert waiting.awaited == input_.awaited == usd("0.6")
    assert waiting.awaits.startswith("requests whose answer is not known: until a person settles them, or until ")
    assert hold.account_id and awaited.of_account(hold.account_id) == usd("0.6") and queries.not_known(shop.pk) == (0, usd("0.6"))


def test_the_ledgers_check_compares_it_with_its_requests(shop: Workspace) -> None:
    hold = lost_request(shop)
    result = audit.check(shop.pk)
    assert result.wrong == [] and "for requests of" in result.notes[0]
    GatewayRequest.objects.update(state="settled")
    Hold.objects.filter(pk=hold.pk).update(in_flight=5)
    assert "its requests may still cost $0.00" in audit.check(shop.pk).wrong[0]


def test_a_host_that_was_given_up_leaves_the_unknown_money_of_its_requests(shop: Workspace) -> None:
    hold = lost_request(shop, meter="cli", awaits_host="east")
    assert (hold.awaits_host, hold.unknown_since) == ("east", None)
    Hold.objects.update(awaits_until=F("opened_at"))
    assert settling.give_up_overdue() == 1 and settling.give_up_overdue() == 0
    hold.refresh_from_db()
    assert (hold.state, hold.remainder, Project.objects.get().held) == ("awaiting", usd("0.6"), usd("0.6"))
    assert settling.give_up_host(hold.session.host_id, by=ANA) == 0 and later(25) == 1
