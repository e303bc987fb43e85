"""Status groups and stored reasons of entries as database expressions, for filters and counts.

`executor/snapshot.py` reads the ready entries by these columns, and `plan.checks` applies them in this order; a test keeps the two equal.
Reasons that only the executor's checks know (paused, no worker, no slot) apply to all ready entries: `explain` reports them.
"""

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from orchestration.models import Entry
from orchestration.reasons import NEEDS_PERSON, NOT_STORED, OUT_OF_LINE, Reason

PENDING = Q(status=Entry.Status.PENDING)
DEPENDENCIES_PENDING = Q(unmet_dependencies__gt=0)
WAITING_FOR_LOCK = Q(parked_behind__isnull=False)
PROVIDER_UNAVAILABLE = Q(not_before__gt=Now())
WAITING_FOR_PERSON = Q(reason_code__in=OUT_OF_LINE)

STUCK = Q(status=Entry.Status.BLOCKED, reason_code__in=NEEDS_PERSON) | Q(status=Entry.Status.PENDING, reason_code__in=OUT_OF_LINE)
"""Nothing but a person moves them."""

# The rail's groups, in its order. Every entry is in exactly one.
KINDS = {
    "ready": PENDING
    & ~DEPENDENCIES_PENDING
    & ~WAITING_FOR_LOCK
    & ~WAITING_FOR_PERSON
    & (Q(not_before__isnull=True) | Q(not_before__lte=Now())),
    "running": Q(status=Entry.Status.IN_PROGRESS),
    "waiting": PENDING & (DEPENDENCIES_PENDING | WAITING_FOR_LOCK | PROVIDER_UNAVAILABLE | WAITING_FOR_PERSON),
    "blocked": Q(status=Entry.Status.BLOCKED),
    "failed": Q(status=Entry.Status.FAILED),
    "done": Q(status=Entry.Status.DONE),
}
OPEN = ~KINDS["done"]
# Their statuses are named once more, so that an index finds them.
WITH_REASONS = Q(status__in=[Entry.Status.PENDING, Entry.Status.BLOCKED, Entry.Status.FAILED]) & (
    ~PENDING | DEPENDENCIES_PENDING | WAITING_FOR_LOCK | PROVIDER_UNAVAILABLE | WAITING_FOR_PERSON
)

# The first stored reason of each entry, in the order of the plan's checks.
REASON = Case(
    When(PENDING & (Q(reason_code=Reason.CHILDREN_UNFINISHED) | WAITING_FOR_PERSON), then=F("reason_code")),
    When(PENDING & DEPENDENCIES_PENDING, then=Value(Reason.DEPENDENCIES_PENDING)),
    When(PENDING & PROVIDER_UNAVAILABLE, then=Value(Reason.AGENT_UNAVAILABLE)),
    When(PENDING & WAITING_FOR_LOCK, then=Value(Reason.FILES_LOCKED)),
    When(Q(status__in=[Entry.Status.BLOCKED, Entry.Status.FAILED]), then=F("reason_code")),
    default=Value(""),
)
KIND = Case(*(When(condition, then=Value(name)) for name, condition in KINDS.items()), default=Value("odd"))
# Reasons that are not stored.
EXPLAINED_ONLY = NOT_STORED
