"""The money of a request whose answer is not known stays reserved, stated as unknown, until it is counted or settled."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F, Q

from budget import ledger, limits
from budget.amounts import usd
from budget.ledger import permits, rebuild, reconciliation, requests, unknown
from budget.ledger.usage_files import ReportedUsage
from budget.models import Account, Category, GatewayAccess, GatewayRequest, Hold, LedgerEntry, Project
from tests.budget.ledger.test_requests import GATEWAY, an_access, bounded, counted, send
from tests.factories import ANA

pytestmark = pytest.mark.django_db
State = GatewayRequest.State


def ended(access: GatewayAccess) -> Hold:
    assert ledger.settle(access.hold_id) and not ledger.settle(access.hold_id)
    return Hold.objects.get(pk=access.hold_id)


def books() -> tuple[int, int, int]:
    """Spent, reserved and unknown; the counters are as their rows say."""
    project = Project.objects.get()
    assert rebuild.find(project.pk) == [] and Account.objects.get().held == project.held
    return project.total_spent, int(project.held), unknown.of_project(project.pk)


@pytest.mark.parametrize("state", ["cut", "sent", "lost"])
def test_the_rest_of_a_bound_stays_reserved_when_its_session_ends(state: str) -> None:
    access = an_access("1")
    request, known = send(access, "0.6"), usd("0.1") if state == "cut" else 0
    if state == "cut":
        requests.settle(request, counted("0.1", unknown="its answer was cut off"))
    elif state == "lost":
        requests.lose(Q(gateway=GATEWAY))
    hold = ended(access)
    assert (hold.state, hold.remainder, hold.unknown_since is not None) == ("awaiting", usd("0.6") - known, True)
    assert books() == (known, usd("0.6") - known, 0 if state == "sent" else usd("0.6") - known)


def test_a_count_that_comes_after_the_end_releases_what_it_makes_known() -> None:
    access = an_access("1")
    first, second, third = (send(access, "0.3") for _ in range(3))
    ended(access)
    assert books()[1] == usd("0.9")
    requests.settle(first, counted("0.25"))
    assert books()[:2] == (usd("0.25"), usd("0.6"))
    requests.free(second, reason="429", status=429)
    assert books()[:2] == (usd("0.25"), usd("0.3"))
    requests.settle(third, counted("0.1", unknown="cut"))
    assert books() == (usd("0.35"), usd("0.2"), usd("0.2"))
    requests.settle(third, counted("0.05"))
    assert books() == (usd("0.3"), 0, 0) and Hold.objects.get().state == "settled"


def test_what_is_never_counted_is_settled_once_at_what_was_seen() -> None:
    access = an_access("1")
    lost = requests.send(access, bounded("0.6", seen=usd("0.02")), gateway=GATEWAY)
    requests.lose(Q(pk=lost))
    requests.settle(send(access, "0.3"), counted("0.1", unknown="cut", seen=usd("0.1")))
    hold = ended(access)
    assert unknown.settle(hold, by=ANA, why="its time was over") == unknown.Settled(2, usd("0.02"), usd("0.78"))
    assert unknown.settle(hold, by=ANA, why="again") is None
    assert books() == (usd("0.12"), 0, 0) and Hold.objects.get().state == "settled"
    assert not requests.settle(lost, counted("0.5"))
    assert LedgerEntry.objects.get(event_key__endswith=":rest").reason.endswith("by what was seen of it")


def test_what_a_gateway_is_at_work_on_is_never_settled() -> None:
    access = an_access("1")
    send(access, "0.6")
    requests.lose(Q(pk=send(access, "0.3")))
    hold = ended(access)
    assert unknown.settle(hold, by=ANA, why="its time was over") == unknown.Settled(1, 0, usd("0.3"))
    assert books() == (0, usd("0.6"), 0)
    assert unknown.settle_all(hold.project_id, by=ANA, reason="") == unknown.Settled()


def test_a_permit_that_ends_keeps_the_money_of_its_requests() -> None:
    access = an_access("1")
    project = Project.objects.get()
    permit = permits.open_permit(project, None, category=Category.ORCHESTRATOR, amount=usd("1"), by=ANA)
    of_permit = requests.open_access(permit, role="permit", category=Category.ORCHESTRATOR, upstreams={})
    requests.lose(Q(pk=send(of_permit, "0.4")))
    assert permits.close(permit, by=ANA) == usd("0.6") and permits.close(permit, by=ANA) == 0
    ledger.settle(access.hold_id)
    assert Project.objects.get().held == unknown.of_project(project.pk) == usd("0.4")
    assert rebuild.find(project.pk) == []


def test_no_session_starts_on_unknown_money() -> None:
    access = an_access("4")
    requests.lose(Q(pk=send(access, "3")))
    ended(access)
    account, project = Account.objects.get(), Project.objects.get()
    assert ledger.open_reservation(project, account, session_ref="sess_2", amount=usd("2.000001")) is None
    assert ledger.open_reservation(project, account, session_ref="sess_2", amount=usd("2"))


def test_a_providers_count_of_a_day_that_is_over_settles_its_unknown_requests() -> None:
    access = an_access("1")
    requests.settle(send(access, "0.6"), counted("0.1", unknown="cut", seen=usd("0.3")))
    ended(access)
    day = limits.today() - timedelta(days=1)
    usage = [ReportedUsage(day, "claude-sonnet-4-5", Decimal("0.25"), None)]
    reconciliation.apply(access.hold.project_id, usage, provider="anthropic", by=ANA)
    assert unknown.of_project(access.hold.project_id) == usd("0.5")  # it was sent today
    moved = {"sent_at": F("sent_at") - timedelta(days=1), "ended_at": F("ended_at") - timedelta(days=1)}
    GatewayRequest.objects.update(**moved)
    reconciliation.apply(access.hold.project_id, usage, provider="anthropic", by=ANA)
    assert Hold.objects.get().state == "settled" and Project.objects.get().held == 0
    assert LedgerEntry.objects.filter(event_key__endswith=":rest").count() == 0
