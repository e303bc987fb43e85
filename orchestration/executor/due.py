"""The workspaces that a tick must look at: an idle one costs nothing, however many there are."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from orchestration.facts.reasons import OUT_OF_LINE, WITHOUT_MONEY
from orchestration.models import Entry, Executor
from workspaces.values.standing_query import StandingQuery

_ALIVE = Entry.objects.filter(workspace_id=OuterRef("pk"), deleted_at__isnull=True)
_READY = _ALIVE.filter(status=Entry.Status.PENDING, unmet_dependencies=0, parked_behind__isnull=True).exclude(
    reason_code__in=OUT_OF_LINE
)
_WITHOUT_MONEY = _ALIVE.filter(status=Entry.Status.BLOCKED, reason_code__in=WITHOUT_MONEY)


def for_a_cycle() -> QuerySet[Executor]:
    """Running ones in which an entry could start, or could once there is money."""
    return _running().filter(Exists(_READY) | Exists(_WITHOUT_MONEY))


def for_proposals() -> QuerySet[Executor]:
    """Running ones whose config names an agent that proposes, or may ask for one."""
    named = Q()
    for name in ("expander", "orchestrator"):
        named |= Q(**{f"config__{name}__isnull": False}) & ~Q(**{f"config__{name}": None})
    return _running().filter(named, Exists(_ALIVE))


def _running() -> QuerySet[Executor]:
    return Executor.objects.filter(state=Executor.State.RUNNING).order_by("pk")


any_for_a_cycle, any_for_proposals = StandingQuery(for_a_cycle), StandingQuery(for_proposals)
