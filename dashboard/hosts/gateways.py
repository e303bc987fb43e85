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
    """`sent`, `waiting` for money, `paced` by a provider's limit: its requests at work, of all workspaces."""

    worker: Worker
    sent: int
    waiting: int
    paced: int

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
    paced = ~sent & Q(reason=GatewayRequest.FOR_PROVIDER)
    kinds = {"sent": sent, "waiting": ~sent & ~paced, "paced": paced}
    counted = at_work.values_list("gateway").annotate(**{name: Count("pk", filter=kind) for name, kind in kinds.items()})
    numbers = {gateway: of_it for gateway, *of_it in counted}
    return [Gateway(worker, *numbers.get(worker.pk, (0, 0, 0))) for worker in gateways]
