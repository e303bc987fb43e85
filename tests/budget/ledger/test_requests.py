"""A request is sent on money that is reserved for it, and booked once, at what its provider counted."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q

from budget import ledger
from budget.amounts import usd
from budget.ledger import requests
from budget.ledger.prices import Tokens
from budget.ledger.requests import Bounded, Counted, NotCovered
from budget.models import Account, Category, GatewayAccess, GatewayRequest, Hold, LedgerEntry
from tests.factories import a_workspace, an_entry, project

pytestmark = pytest.mark.django_db
State = GatewayRequest.State
GATEWAY = "gw_1"


def an_access(amount: str = "1", **more: Any) -> GatewayAccess:
    entry = an_entry(a_workspace(), budget="5")
    hold = Hold.objects.create(project=project(entry.workspace), account=entry.account, session_ref="sess_1", amount=usd(amount))
    return requests.open_access(hold, role="implement", category=Category.ENTRY, upstreams={}, round_number=1, **more)


def bounded(bound: str, **more: Any) -> Bounded:
    return Bounded("anthropic", "claude-sonnet-4-5", usd(bound), **more)


def counted(amount: str, **more: Any) -> Counted:
    return Counted(usd(amount), Tokens("claude-sonnet-4-5", input=10, output=5), "prices 1", **more)


def send(access: GatewayAccess, bound: str) -> int:
    return requests.send(access, bounded(bound), gateway=GATEWAY)


def in_flight(access: GatewayAccess) -> int:
    return int(Hold.objects.get(pk=access.hold_id).in_flight)


def spent(access: GatewayAccess) -> int:
    return int(Hold.objects.get(pk=access.hold_id).drawn)


def test_what_is_sent_is_reserved_until_it_is_settled() -> None:
    access = an_access("1")
    first = send(access, "0.6")
    assert in_flight(access) == usd("0.6")
    assert requests.settle(first, counted("0.25"))
    assert (in_flight(access), spent(access)) == (0, usd("0.25"))
    row = LedgerEntry.objects.get()
    assert (row.amount, row.model, row.round, row.input_tokens) == (usd("0.25"), "claude-sonnet-4-5", 1, 10)
    assert Account.objects.get().spent == usd("0.25")


def test_a_request_that_changes_while_it_is_read_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that waited for the lock of its reservation is as it was before."""
    access = an_access("1")
    first = send(access, "0.6")
    as_it_was = requests._locked(first)
    requests.settle(first, counted("0.1", unknown="its answer was cut off"))
    read, reads = requests._locked, iter((as_it_was,))
    monkeypatch.setattr(requests, "_locked", lambda row: next(reads, None) or read(row))
    assert requests.settle(first, counted("0.25"))
    assert (in_flight(access), spent(access)) == (0, usd("0.25"))
    assert LedgerEntry.objects.filter(amount=usd("0.15")).count() == 1


def test_a_count_of_a_request_that_was_removed_changes_nothing() -> None:
    assert not requests.settle(404, counted("0.25"))


def test_the_database_refuses_a_request_that_the_reservation_does_not_cover() -> None:
    access = an_access("1")
    send(access, "0.6")
    with pytest.raises(NotCovered, match="reservation"):
        send(access, "0.400001")
    send(access, "0.4")
    assert in_flight(access) == usd("1")


def test_an_access_keeps_its_own_limit() -> None:
    access = an_access("1", most=usd("0.5"))
    requests.settle(send(access, "0.3"), counted("0.2"))
    with pytest.raises(NotCovered, match="access"):
        send(access, "0.300001")
    send(access, "0.3")


def test_the_use_of_an_access_is_counted_on_and_is_the_sum_of_its_requests() -> None:
    access = an_access("1", most=usd("0.5"))
    rows, used = (
        GatewayRequest.objects.filter(access=access),
        GatewayAccess.objects.filter(pk=access.pk).values_list("used", flat=True),
    )
    waiting = requests.wait(access, bounded("0.4"), gateway=GATEWAY, reason="it waits for money")
    known, unknown, freed = (send(access, amount) for amount in ("0.3", "0.1", "0.1"))
    steps: list[Callable[[], object]] = [
        lambda: requests.settle(known, counted("0.2")),
        lambda: requests.settle(known, counted("0.3")),
        lambda: requests.settle(unknown, counted("0.02", unknown="its answer was cut off")),
        lambda: requests.free(freed, reason="refused"),
        lambda: requests.settle(unknown, counted("0.05")),
        lambda: requests.send(access, bounded("0.25"), gateway=GATEWAY, waiting_id=waiting),
    ]
    for step, expected in zip(steps, ("0.4", "0.4", "0.4", "0.3", "0.25", "0.5"), strict=True):
        step()
        of_sent = sum(row.bound if row.state in (State.SENT, State.UNKNOWN) else row.amount for row in rows.all())
        assert used.get() == of_sent == usd(expected)
    with pytest.raises(NotCovered, match="access"):
        send(access, "0.000001")


def test_nothing_is_sent_on_an_access_or_a_reservation_that_has_ended() -> None:
    access = an_access()
    requests.end_access(access.pk)
    with pytest.raises(NotCovered, match="ended"):
        send(access, "0.1")
    other = requests.open_access(access.hold, role="verify", category=Category.ENTRY, upstreams={})
    ledger.settle(access.hold_id)
    with pytest.raises(NotCovered, match="ended"):
        send(other, "0.1")


def test_a_request_is_settled_once() -> None:
    access = an_access()
    first = send(access, "0.6")
    assert requests.settle(first, counted("0.25"))
    assert not requests.settle(first, counted("0.5"))
    assert spent(access) == usd("0.25")


def test_what_waits_reserves_nothing_and_is_sent_from_its_row() -> None:
    access = an_access("1")
    waiting = requests.wait(access, bounded("3"), gateway=GATEWAY, reason="it waits for money")
    assert in_flight(access) == 0
    with pytest.raises(NotCovered, match="reservation"):
        requests.send(access, bounded("3"), gateway=GATEWAY, waiting_id=waiting)
    assert requests.send(access, bounded("0.9"), gateway=GATEWAY, waiting_id=waiting) == waiting
    row = GatewayRequest.objects.get()
    assert (row.state, row.bound, row.reason, in_flight(access)) == (State.SENT, usd("0.9"), "", usd("0.9"))


def test_no_count_is_more_than_the_bound() -> None:
    access = an_access("1")
    requests.settle(send(access, "0.6"), counted("7"))
    assert spent(access) == usd("0.6")
    assert "more than it can have used" in GatewayRequest.objects.get().reason


def test_what_a_provider_refused_costs_nothing() -> None:
    access = an_access("1")
    requests.free(send(access, "0.6"), reason="429", status=429)
    assert (in_flight(access), spent(access)) == (0, 0)
    assert not LedgerEntry.objects.exists()


def test_requests_of_a_lost_gateway_are_unknown_if_they_were_sent() -> None:
    access = an_access("1")
    send(access, "0.6")
    requests.wait(access, bounded("0.1"), gateway=GATEWAY, reason="")
    assert requests.lose(Q(gateway=GATEWAY)) == 2
    assert [row.state for row in GatewayRequest.objects.order_by("pk")] == [State.UNKNOWN, State.REFUSED]
    assert in_flight(access) == usd("0.6")


@pytest.mark.parametrize("has_ended", [False, True])
def test_what_was_not_sent_costs_nothing_though_its_gateway_was_taken_for_lost(has_ended: bool) -> None:
    access = an_access("1")
    request = send(access, "0.6")
    requests.lose(Q(pk=request))
    if has_ended:
        ledger.settle(access.hold_id)
    requests.free(request, reason="429", status=429)
    assert GatewayRequest.objects.get().state == State.SETTLED
    assert (in_flight(access), Account.objects.get().spent) == (0, 0)


def test_a_repeated_statement_makes_no_second_row() -> None:
    access = an_access("1")
    first = requests.send(access, bounded("0.6"), gateway=GATEWAY, key="req_1")
    assert requests.send(access, bounded("0.6"), gateway=GATEWAY, key="req_1") == first
    waiting = requests.wait(access, bounded("3"), gateway=GATEWAY, reason="", key="req_2")
    assert requests.wait(access, bounded("3"), gateway=GATEWAY, reason="", key="req_2") == waiting
    for _ in range(2):
        assert requests.send(access, bounded("0.3"), gateway=GATEWAY, waiting_id=waiting) == waiting
    assert GatewayRequest.objects.count() == 2
    assert in_flight(access) == usd("0.9")


@pytest.mark.parametrize("state", ["none", "waiting", "sent", "unknown"])
def test_what_is_given_up_ends_and_is_never_sent(state: str) -> None:
    access = an_access("1")
    if state == "waiting":
        requests.wait(access, bounded("0.6"), gateway=GATEWAY, reason="", key="req_1")
    elif state != "none":
        requests.send(access, bounded("0.6"), gateway=GATEWAY, key="req_1")
    if state == "unknown":
        requests.lose(Q(gateway=GATEWAY))
    requests.give_up(access, bounded("0.6"), gateway=GATEWAY, key="req_1", reason="the database was away", status=503)
    with pytest.raises(NotCovered, match="lost"):
        requests.send(access, bounded("0.6"), gateway=GATEWAY, key="req_1")
    row = GatewayRequest.objects.get()
    assert (row.state, row.status) == (State.SETTLED if state in ("sent", "unknown") else State.REFUSED, 503)
    assert (in_flight(access), spent(access)) == (0, 0)


def test_a_reservation_shrinks_to_what_its_requests_may_need() -> None:
    access = an_access("1")
    send(access, "0.6")
    assert ledger.shrink(access.hold_id, keep=usd("0.1"))
    assert Hold.objects.get(pk=access.hold_id).amount == usd("0.7")


def test_settled_and_refused_requests_stay_so(a_settled: int) -> None:
    for state in (State.SENT, State.UNKNOWN, State.WAITING):
        with pytest.raises(IntegrityError), transaction.atomic():
            GatewayRequest.objects.filter(pk=a_settled).update(state=state)


@pytest.fixture
def a_settled() -> int:
    access = an_access()
    row = send(access, "0.6")
    requests.settle(row, counted("0.1"))
    return row
