"""Status groups and stored reasons of entries as database expressions, for filters and counts.

`executor/snapshot.py` reads the ready entries by these columns, and `plan.checks` applies them in this order; a test keeps the two equal.
Reasons that only the executor's checks know (paused, no worker, no slot) apply to all ready entries: `explain` reports them.
Which agents may start is known to the plan alone (`explain.open_agents`): the functions take what it says.
What an entry's agent asks is in another table. `STORED_KINDS`, `STORED_KIND` and `STORED_REASON` leave it out, so that a count reads the
index of entries alone; the few entries in `WAITING_FOR_ANSWER` are counted apart.
"""

from collections.abc import Collection

from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Now

from orchestration.facts.reasons import NEEDS_PERSON, NOT_STORED, OUT_OF_LINE, Reason
from orchestration.models import Entry, Question, Session

PENDING = Q(status=Entry.Status.PENDING)
DEPENDENCIES_PENDING = Q(unmet_dependencies__gt=0)
WAITING_FOR_LOCK = Q(parked_behind__isnull=False)
PROVIDER_UNAVAILABLE = Q(not_before__gt=Now())
WAITING_FOR_PERSON = Q(reason_code__in=OUT_OF_LINE)

STUCK = Q(status__in=[Entry.Status.BLOCKED, Entry.Status.PENDING], reason_code__in=NEEDS_PERSON)
"""Nothing but a person moves them."""

WAITING_FOR_ANSWER = (
    PENDING
    & Q(pk__in=Question.objects.filter(answered_at__isnull=True).order_by().values("entry"))
    & ~DEPENDENCIES_PENDING
    & ~WAITING_FOR_PERSON
    & ~Q(reason_code=Reason.CHILDREN_UNFINISHED)
)
"""Their agents wait for an answer."""

LANDING = Q(status=Entry.Status.IN_PROGRESS, is_container=False) & ~Q(
    Exists(Session.objects.filter(entry=OuterRef("pk"), status__in=Session.OPEN))
)
"""In progress without an agent at work: verified, and on its way to the integration branch."""
SPLIT = Q(status=Entry.Status.IN_PROGRESS, is_container=True)
"""In progress by their children."""

_LINE = PENDING & ~DEPENDENCIES_PENDING & ~WAITING_FOR_LOCK & ~WAITING_FOR_PERSON
STORED_KINDS = {
    "ready": _LINE & (Q(not_before__isnull=True) | Q(not_before__lte=Now())),
    "running": Q(status=Entry.Status.IN_PROGRESS),
    "review": PENDING & WAITING_FOR_PERSON,
    "waiting": PENDING & ~WAITING_FOR_PERSON & (DEPENDENCIES_PENDING | WAITING_FOR_LOCK | PROVIDER_UNAVAILABLE),
    "blocked": Q(status=Entry.Status.BLOCKED),
    "failed": Q(status=Entry.Status.FAILED),
    "done": Q(status=Entry.Status.DONE),
}
# The rail's groups, in its order. Every entry is in exactly one.
KINDS = STORED_KINDS | {
    "ready": STORED_KINDS["ready"] & ~WAITING_FOR_ANSWER,
    "review": STORED_KINDS["review"] | WAITING_FOR_ANSWER,
    "waiting": STORED_KINDS["waiting"] & ~WAITING_FOR_ANSWER,
}
OPEN = ~KINDS["done"]
# Their statuses are named once more, so that an index finds them.
WITH_REASONS = Q(status__in=[Entry.Status.PENDING, Entry.Status.BLOCKED, Entry.Status.FAILED]) & (
    ~PENDING | DEPENDENCIES_PENDING | WAITING_FOR_LOCK | PROVIDER_UNAVAILABLE | WAITING_FOR_PERSON
)

# The first reason of each entry that columns have, in the order of the plan's checks.
_FIRST = (
    When(PENDING & (Q(reason_code=Reason.CHILDREN_UNFINISHED) | WAITING_FOR_PERSON), then=F("reason_code")),
    When(PENDING & DEPENDENCIES_PENDING, then=Value(Reason.DEPENDENCIES_PENDING)),
)
_THEN = (
    When(PENDING & PROVIDER_UNAVAILABLE, then=Value(Reason.AGENT_UNAVAILABLE)),
    When(PENDING & WAITING_FOR_LOCK, then=Value(Reason.FILES_LOCKED)),
    When(Q(status__in=[Entry.Status.BLOCKED, Entry.Status.FAILED]), then=F("reason_code")),
)
STORED_REASON = Case(*_FIRST, *_THEN, default=Value(""))


def waits_for_agent(open_agents: Collection[str] | None) -> Q | None:
    """Entries that would be started, or wait for a file, but for their agent. `open_agents`: the names of those that may start; None: all may."""
    if open_agents is None:
        return None
    able = Q(next_work=Entry.Work.VERIFY) | Q(next_agent__in=open_agents)
    in_line = PENDING & ~DEPENDENCIES_PENDING & ~WAITING_FOR_PERSON & ~Q(reason_code=Reason.CHILDREN_UNFINISHED)
    return in_line & ~WAITING_FOR_ANSWER & ~able


def of_kind(name: str, shut: Q | None) -> Q:
    """`shut`: `waits_for_agent`."""
    if shut is None or name not in ("ready", "waiting"):
        return KINDS[name]
    return KINDS[name] & ~shut if name == "ready" else KINDS[name] | shut


def reason(shut: Q | None) -> Case:
    """The first reason that columns and closed agents have."""
    closed = () if shut is None else (When(shut, then=Value(Reason.AGENT_UNAVAILABLE)),)
    asks = When(WAITING_FOR_ANSWER, then=Value(Reason.WAITING_FOR_ANSWER))
    return Case(*_FIRST, asks, *closed, *_THEN, default=Value(""))


REASON = reason(None)
STORED_KIND = Case(*(When(rows, then=Value(name)) for name, rows in STORED_KINDS.items()), default=Value("odd"))
# Reasons that no row has.
EXPLAINED_ONLY = tuple(reason for reason in NOT_STORED if reason != Reason.WAITING_FOR_ANSWER)
