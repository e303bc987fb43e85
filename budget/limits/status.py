"""The cap and the limits, with what counts against each and what stops when it is reached. The database enforces them (sql/)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection
from django.db.models import CharField, F, QuerySet, Value

from budget import amounts, categories
from budget.categories import CATEGORIES, TRAITS, Scope
from budget.models import DaySpend, Hold, Limit, Project


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """A limit and what counts against it, in micro-USD. `category`: total or a category; `period`: all | day | round.

    `limit` None: not set. `left`: limit - spent - held, what may still be reserved. `stops`: what stops when it is reached.
    """

    category: str
    period: str
    limit: int | None
    spent: int
    held: int
    stops: str

    @property
    def left(self) -> int | None:
        return None if self.limit is None else self.limit - self.spent - self.held

    @property
    def round_key(self) -> str:
        """The key of the config that sets it, if it is a limit of a single round."""
        return TRAITS[self.category].round_key

    @property
    def reached(self) -> bool:
        return self.limit is not None and self.spent >= self.limit


def today() -> date:
    """Days are UTC days in every time zone."""
    return datetime.now(UTC).date()


def statuses(
    workspace_id: str, *, rounds: Mapping[str, int | None] | None = None, project: Project | None = None
) -> list[LimitStatus]:
    """Every possible limit, set or not: of the whole life, then of the day, then of the round. Two queries. `rounds`: the caller's limits of
    a single round, by category (budget does not know the config). `project`: where the caller has it already.
    """
    project = project or Project.objects.get(pk=workspace_id)
    set_to, spent_today, held = _read(project)
    total_spent = {category: project.spent_on(category) for category in CATEGORIES}
    rows = []
    for period, spent in (("all", total_spent), ("day", spent_today)):
        for category in Scope.values:
            is_cap = (category, period) == ("total", "all")
            rows.append(
                LimitStatus(
                    category,
                    period,
                    project.max_project_spend if is_cap else set_to.get((category, period)),
                    sum(spent.values()) if category == "total" else spent.get(category, 0),
                    held[category],
                    _stops(category, period),
                )
            )
    single = {category: limit for category, limit in (rounds or {}).items() if TRAITS[category].stops_round}
    return rows + [
        LimitStatus(category, "round", limit, 0, 0, f"{TRAITS[category].stops_round}.") for category, limit in single.items()
    ]


def tightest(workspace_id: str, category: str) -> LimitStatus | None:
    """The limit of this category or of the total with the least left. None: there is none (the cap does not count)."""
    mine = [limit for limit in statuses(workspace_id) if limit.category in (category, "total") and limit.limit is not None]
    own = [limit for limit in mine if (limit.category, limit.period) != ("total", "all")]
    return min(own, key=lambda limit: limit.left or 0, default=None)


def headrooms(workspace_id: str, category: str) -> list[int]:
    """Micro-USD that the cap, and each limit on this category, still allow to reserve."""
    return [limit.left for limit in statuses(workspace_id) if limit.category in (category, "total") and limit.left is not None]


def describe(limit: LimitStatus) -> str:
    """In a sentence: "today's limit of $60.00 for orchestrator"."""
    whose = "" if limit.category == "total" else f" for {limit.category}"
    kind = "today's limit" if limit.period == "day" else "the limit"
    return f"{kind} of {amounts.format_usd(limit.limit)}{whose}"


def _read(project: Project) -> tuple[dict[tuple[str, str], int], dict[str, int], dict[str, int]]:
    """The limits' amounts, today's spend, and the open reservations, by category. One query."""
    none, fields = Value("", CharField()), ("kind", "category", "period", "sum")

    def rows(queryset: QuerySet[Any], kind: str, period: Any, amount: Any) -> Any:
        named = {"kind": Value(kind, CharField()), "sum": amount} | ({} if period is None else {"period": period})
        return queryset.order_by().annotate(**named).values_list(*fields)

    limits = rows(Limit.objects.filter(project=project), "limit", None, F("amount"))
    days = rows(DaySpend.objects.filter(project=project, day=today()), "day", none, F("amount"))
    holds = rows(Hold.objects.filter(project=project, state__in=Hold.RESERVED), "hold", none, F("amount") - F("drawn"))
    set_to: dict[tuple[str, str], int] = {}
    spent: dict[str, int] = {}
    held = dict.fromkeys(Scope.values, 0) | {"total": project.held}
    for kind, category, period, amount in limits.union(days, holds, all=True):
        if kind == "limit":
            set_to[category, period] = amount
        elif kind == "day":
            spent[category] = amount
        else:
            held[category] += max(amount, 0)
    return set_to, spent, held


def _stops(category: str, period: str) -> str:
    until = "until 00:00 UTC" if period == "day" else "until the cap is raised" if category == "total" else "until it is raised"
    return f"{TRAITS[category].stops}, {until}."


# The same in SQL, as a part of a larger query. Aliases: `l` is the limit, `p` its project.


def spent_sql() -> str:
    day = "(now() AT TIME ZONE 'UTC')::date" if connection.vendor == "postgresql" else "date('now')"
    return f"""(CASE l.period WHEN 'day' THEN
        coalesce((SELECT sum(d.amount) FROM budget_dayspend d WHERE d.project_id = l.project_id AND d.day = {day}
            AND (l.category = 'total' OR d.category = l.category)), 0)
        ELSE {categories.SqlParts().spent("l.category", "p")} END)"""


def held_sql() -> str:
    return """(CASE l.category WHEN 'total' THEN p.held ELSE
        coalesce((SELECT sum(CASE WHEN h.amount > h.drawn THEN h.amount - h.drawn ELSE 0 END) FROM budget_hold h
            WHERE h.project_id = l.project_id AND h.state IN ('open', 'awaiting') AND h.category = l.category), 0) END)"""
