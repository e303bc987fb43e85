"""The gateway's processes on the page of hosts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils.timezone import now

from budget.models import GatewayRequest
from orchestration.models import Worker

QUEUE = "gateway"


@dataclass(frozen=True)
class Gateway:
    """`sent`, `waiting`: its requests at work, of all workspaces."""

    worker: Worker
    sent: int
    waiting: int

    @property
    def is_online(self) -> bool:
        return self.worker.seen_at >= now() - timedelta(seconds=settings.LEASE_S)


def of(workers: Iterable[Worker]) -> list[Gateway]:
    """The gateways among the worker processes. One query, none without a gateway."""
    gateways = [worker for worker in workers if worker.queue == QUEUE]
    if not gateways:
        return []
    at_work = GatewayRequest.objects.filter(
        gateway__in=[worker.pk for worker in gateways], state__in=GatewayRequest.OPEN
    ).order_by()
    sent = Q(state=GatewayRequest.State.SENT)
    counted = at_work.values_list("gateway").annotate(sent=Count("pk", filter=sent), waiting=Count("pk", filter=~sent))
    numbers = {gateway: (sent, waiting) for gateway, sent, waiting in counted}
    return [Gateway(worker, *numbers.get(worker.pk, (0, 0))) for worker in gateways]
