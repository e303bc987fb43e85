"""The requests in the gateway, by partial indexes: those at work, those whose cost is not known, and those refused because there was no money."""

from collections.abc import Iterator, Sequence

from django.db.models import Case, Count, F, Sum, Value, When

from budget.amounts import MICRO
from budget.models import GatewayRequest
from orchestration.metrics.families import Metric, new

State = GatewayRequest.State
NOT_SETTLED = (State.WAITING, State.SENT, State.UNKNOWN)
FOR_PROVIDER = "waiting_for_provider"


def metrics(workspace_ids: Sequence[str]) -> Iterator[Metric]:
    """Two statements."""
    at_work, unknown, refused = new("muster_gateway_requests"), new("muster_gateway_unknown_usd"), new("muster_gateway_refused")
    mine = GatewayRequest.objects.filter(hold__project__in=workspace_ids).order_by()
    shown = Case(When(state=State.WAITING, reason=GatewayRequest.FOR_PROVIDER, then=Value(FOR_PROVIDER)), default=F("state"))
    open_groups = mine.filter(state__in=NOT_SETTLED).annotate(shown=shown).values_list("hold__project", "shown")
    groups = {
        (workspace, state): (number, money)
        for workspace, state, number, money in open_groups.annotate(n=Count("pk"), money=Sum(F("bound") - F("amount")))
    }
    without_money = mine.filter(state=State.REFUSED, status=402).values_list("hold__project")
    numbers = dict(without_money.annotate(n=Count("pk")))
    for workspace in workspace_ids:
        for state in (State.WAITING, FOR_PROVIDER, State.SENT):
            at_work.add_metric([workspace, state], groups.get((workspace, state), (0, 0))[0])
        unknown.add_metric([workspace], groups.get((workspace, State.UNKNOWN), (0, 0))[1] / MICRO)
        refused.add_metric([workspace], numbers.get(workspace, 0))
    yield from (at_work, unknown, refused)
