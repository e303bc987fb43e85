"""Where entries stand by what is stored of them: for filters and counts in the database, the same for ten and for ten thousand.

`executor/snapshot.py` reads the ready line by these columns, and `plan.checks` asks them in this order; a test holds the two together.
What only the executor's checks know (paused, no worker, no slot) is true of all that are ready alike: `explain` says it (invariant 10).
"""

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from orchestration.models import Entry
from orchestration.reasons import NOT_STORED, Reason

PENDING = Q(status=Entry.Status.PENDING)
NEEDS = Q(unmet_dependencies__gt=0)
PARKED = Q(parked_behind__isnull=False)
SENT_AWAY = Q(not_before__gt=Now())

# The rail's groups, in its order. Every entry is in exactly one.
KINDS = {
    "ready": PENDING & ~NEEDS & ~PARKED & (Q(not_before__isnull=True) | Q(not_before__lte=Now())),
    "running": Q(status=Entry.Status.IN_PROGRESS),
    "waiting": PENDING & (NEEDS | PARKED | SENT_AWAY),
    "blocked": Q(status=Entry.Status.BLOCKED),
    "failed": Q(status=Entry.Status.FAILED),
    "done": Q(status=Entry.Status.DONE),
}
OPEN = ~KINDS["done"]

# The first stored reason of each, as the plan's checks come to it.
REASON = Case(
    When(PENDING & NEEDS, then=Value(Reason.DEPENDENCIES_PENDING)),
    When(PENDING & SENT_AWAY, then=Value(Reason.AGENT_UNAVAILABLE)),
    When(PENDING & PARKED, then=Value(Reason.FILES_LOCKED)),
    When(Q(status__in=[Entry.Status.BLOCKED, Entry.Status.FAILED]), then=F("reason_code")),
    default=Value(""),
)
KIND = Case(*(When(condition, then=Value(name)) for name, condition in KINDS.items()), default=Value("odd"))
# Reasons that nothing stored tells.
ASKED = NOT_STORED
