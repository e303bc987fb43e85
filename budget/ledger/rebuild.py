"""Comparison of counters with the ledger and the open reservations. Triggers keep them equal: drift comes from edited rows.

A read under the project's lock is consistent: every charge and every reservation writes that row last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC

from django.db import transaction
from django.db.models import Case, F, QuerySet, Sum, When
from django.db.models.functions import TruncDate

from budget import events
from budget.categories import ACCOUNT_COLUMNS, COLUMNS
from budget.models import Account, Category, DaySpend, Hold, LedgerEntry, ModelSpend, Project, RoundSpend
from workspaces import activity
from workspaces.access import Caller

_Sums = dict[tuple[str, str, str], int]
"""(kind, id, field) to micro-USD."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A wrong counter, in micro-USD."""

    kind: str  # project, account, hold, round, model or day
    id: str  # of a round `<account>:<number>`, of a model `<account>:<number>:<model>`, of a day `<day>:<category>`
    field: str
    stored: int
    expected: int


def find(project_id: str) -> list[Drift]:
    """The wrong counters of a project. A fixed number of queries; charges wait meanwhile."""
    with transaction.atomic():
        lock_project(project_id)
        stored, computed = _stored(project_id), _computed(project_id)
        return [
            Drift(*key, stored.get(key, 0), computed.get(key, 0))
            for key in sorted(stored.keys() | computed.keys())
            if stored.get(key, 0) != computed.get(key, 0)
        ]


def repair(project_id: str, *, by: Caller, reason: str) -> list[Drift]:
    """Set every wrong counter to the sum of its rows, in one transaction, and record it. Returns the drifts."""
    with transaction.atomic():
        lock(project_id)
        wrong = find(project_id)
        if not wrong:
            return []
        # First: the trigger of an open reservation changes `held` by a difference, and would keep its drift.
        _set_held(project_id)
        for drift in wrong:
            _set(project_id, drift)
        if left := find(project_id):
            raise RuntimeError(f"counters of {project_id} do not follow: {left[0]}")
        shown = [[d.kind, d.id, d.field, d.stored, d.expected] for d in wrong[:50]]
        event = events.CountersRebuilt(count=len(wrong), micro_usd=shown)
        activity.record(project_id, event, by=by, object_id=project_id, reason=reason)
        return wrong


def lock(project_id: str) -> None:
    """Lock all rows with counters, in the triggers' order. With FOR NO KEY UPDATE: a charge locks their keys first."""
    for rows in (
        Hold.objects.filter(project_id=project_id).order_by("pk"),
        Account.objects.filter(project_id=project_id).order_by("pk"),
        RoundSpend.objects.filter(account__project_id=project_id).order_by("pk"),
    ):
        list(rows.select_for_update(no_key=True, of=("self",)).values_list("pk"))
    lock_project(project_id)


def lock_project(project_id: str) -> None:
    """Block charges and reservations of the project until the transaction ends. Take no other lock after this one."""
    list(Project.objects.select_for_update(no_key=True).filter(pk=project_id).values_list("pk"))


def _stored(project_id: str) -> _Sums:
    stored: _Sums = {}
    fields = [*COLUMNS, "held"]
    for row in Project.objects.filter(pk=project_id).values("pk", *fields):
        stored |= {("project", project_id, field): row[field] for field in fields}
    of_account = [*ACCOUNT_COLUMNS.values(), "held"]
    for row in Account.objects.filter(project_id=project_id).values("pk", *of_account):
        stored |= {("account", row["pk"], field): row[field] for field in of_account}
    for pk, drawn in Hold.objects.filter(project_id=project_id).values_list("pk", "drawn"):
        stored["hold", str(pk), "drawn"] = drawn
    for account, number, cost in _rounds(project_id):
        stored["round", f"{account}:{number}", "cost"] = cost
    models = ModelSpend.objects.filter(account__project_id=project_id).values_list("account_id", "number", "model", "cost")
    stored |= {("model", f"{account}:{number}:{model}", "cost"): cost for account, number, model, cost in models}
    for day, category, amount in DaySpend.objects.filter(project_id=project_id).values_list("day", "category", "amount"):
        stored["day", f"{day}:{category}", "amount"] = amount
    return stored


def _rounds(project_id: str) -> Iterator[tuple[str, int, int]]:
    rows = RoundSpend.objects.filter(account__project_id=project_id).order_by()
    yield from rows.values_list("account_id", "number", "cost")


def _computed(project_id: str) -> _Sums:
    ledger = LedgerEntry.objects.filter(project_id=project_id).order_by()
    computed: _Sums = {}
    for category, amount in ledger.values_list("category").annotate(Sum("amount")):
        computed["project", project_id, f"{category}_spent"] = amount
    for category, field in ACCOUNT_COLUMNS.items():
        booked = ledger.filter(category=category, account__isnull=False).values_list("account_id").annotate(Sum("amount"))
        computed |= {("account", account, field): amount for account, amount in booked}
    drawn = dict(ledger.filter(hold__isnull=False).values_list("hold_id").annotate(Sum("amount")))
    computed |= {("hold", str(pk), "drawn"): amount for pk, amount in drawn.items()}
    of_entries = ledger.filter(category=Category.ENTRY)
    rounds = of_entries.values_list("account_id", "round").annotate(Sum("amount"))
    computed |= {("round", f"{account}:{number}", "cost"): amount for account, number, amount in rounds}
    models = of_entries.values_list("account_id", "round", "model").annotate(Sum("amount"))
    computed |= {("model", f"{account}:{number}:{model}", "cost"): amount for account, number, model, amount in models}
    days = ledger.annotate(day=TruncDate("at", tzinfo=UTC)).values_list("day", "category").annotate(Sum("amount"))
    computed |= {("day", f"{day}:{category}", "amount"): amount for day, category, amount in days}
    for pk, account, amount in _open(project_id).values_list("pk", "account_id", "amount"):
        left = max(amount - drawn.get(pk, 0), 0)
        for key in (("account", account, "held"), ("project", project_id, "held")):
            if key[1]:  # a permit may have no account
                computed[key] = computed.get(key, 0) + left
    return computed


def _open(project_id: str) -> QuerySet[Hold]:
    return Hold.objects.filter(project_id=project_id, state__in=Hold.RESERVED).order_by()


def _set_held(project_id: str) -> None:
    left = Sum(Case(When(amount__gt=F("drawn"), then=F("amount") - F("drawn")), default=0))
    by_account = dict(_open(project_id).values_list("account_id").annotate(left=left))
    Account.objects.filter(project_id=project_id).exclude(pk__in=[pk for pk in by_account if pk]).update(held=0)
    for account, held in by_account.items():
        Account.objects.filter(pk=account).update(held=held)
    Project.objects.filter(pk=project_id).update(held=sum(by_account.values()))


def _set(project_id: str, drift: Drift) -> None:
    if drift.kind == "project" and drift.field != "held":
        Project.objects.filter(pk=project_id).update(**{drift.field: drift.expected})
    elif drift.kind == "account" and drift.field != "held":
        Account.objects.filter(pk=drift.id).update(**{drift.field: drift.expected})
    elif drift.kind == "hold":
        Hold.objects.filter(pk=int(drift.id)).update(drawn=drift.expected)
    elif drift.kind == "round":
        account, _, number = drift.id.rpartition(":")
        RoundSpend.objects.update_or_create(account_id=account, number=int(number), defaults={"cost": drift.expected})
    elif drift.kind == "model":
        account, number, model = drift.id.split(":", 2)
        of_round = ModelSpend.objects.filter(account_id=account, number=int(number))
        of_round.update_or_create(account_id=account, number=int(number), model=model, defaults={"cost": drift.expected})
    elif drift.kind == "day":
        day, _, category = drift.id.partition(":")
        DaySpend.objects.update_or_create(project_id=project_id, day=day, category=category, defaults={"amount": drift.expected})
