"""The lease of a gateway, and the requests of one that is gone."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from budget.ledger import requests
from budget.ledger.requests import Bounded
from budget.models import GatewayAccess, GatewayRequest, Hold
from orchestration.gateway import process
from orchestration.gateway.process import Lease
from orchestration.models import Worker
from tests.orchestration.gateway.stage import an_access

pytestmark = pytest.mark.django_db(transaction=True)
ITEM = Bounded("anthropic", "claude-sonnet-4-5", 1000)


def send(access: GatewayAccess, gateway: str) -> GatewayRequest:
    return GatewayRequest.objects.get(pk=requests.send(access, ITEM, gateway=gateway))


def test_a_gateway_is_among_the_workers_from_its_start_to_its_end() -> None:
    lease = Lease()
    lease.start()
    row = Worker.objects.get()
    assert (row.pk, row.queue, row.slots) == (lease.id, process.QUEUE, 0)
    lease.end()
    assert not Worker.objects.exists()


def test_requests_of_a_gateway_without_a_lease_are_unknown_and_those_of_the_others_stay() -> None:
    access, lease = an_access(), Lease()
    lease.start()
    try:
        own, lost = send(access, lease.id), send(access, "gate_gone")
        requests.wait(access, ITEM, gateway="gate_gone", reason="it waits for money")
        assert process.take_over() == 2
        own.refresh_from_db()
        lost.refresh_from_db()
        assert (own.state, lost.state) == ("sent", "unknown")
        assert Hold.objects.get().in_flight == 2000
        Worker.objects.update(seen_at=now() - timedelta(days=1))
        assert process.take_over() == 1
    finally:
        lease.end()
