"""The first step of a route where it costs more than it saves. Pure, but for one query."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import F

from budget.models import RoundSpend
from dashboard.shared.lists.span import Span
from orchestration.configuration import DEFAULT
from orchestration.models import Round

LEAST = 20  # entries: fewer say nothing


@dataclass(frozen=True, slots=True)
class Beginning:
    """Entries of a group that began with one agent. `cost`: micro-USD of its rounds, `landed`: those that it landed by itself; `went_on`: those that
    another agent (`next`) worked on, for `later` micro-USD."""

    group: str
    first: str
    next: str
    entries: int
    landed: int
    went_on: int
    total: int
    later: int

    @property
    def cost(self) -> int:
        """The price of its first agent, for each entry."""
        return self.total // self.entries

    @property
    def saving(self) -> int:
        """Micro-USD that an entry would cost less if it began with the next agent: what the first one costs, less what it saves by landing some.
        What it left undone may be harder than the rest, so the saving is rather too small."""
        return (self.total - self.landed * self.later // self.went_on) // self.entries if self.went_on else 0


def best(beginnings: list[Beginning]) -> Beginning | None:
    """The one that saves most, where it is known from enough entries."""
    known = [each for each in beginnings if each.entries >= LEAST and each.saving > 0]
    return max(known, key=lambda each: each.saving, default=None)


def read(workspace_id: str, span: Span) -> Beginning | None:
    """Read the rounds that ended in the span."""
    since = {"session__ended_at__gte": span.since} if span.since else {}
    rounds = Round.objects.filter(session__workspace=workspace_id, session__ended_at__lt=span.until, **since).order_by()
    named = {
        "grouped": F("entry__group"),
        "state": F("entry__status"),
        "agent": F("session__agent_name"),
        "account": F("entry__account"),
    }
    sql, parameters = rounds.annotate(**named).values("entry_id", "number", *named).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_BEGINNINGS.format(rounds=sql), parameters)
        rows = cursor.fetchall()
    beginnings = [
        Beginning(group, first or DEFAULT, later or DEFAULT, *(int(value or 0) for value in sums))
        for group, first, later, *sums in rows
    ]
    return best(beginnings)


_BEGINNINGS = f"""
    WITH ended AS ({{rounds}}),
    made AS (
        SELECT ended.*, coalesce(spend.cost, 0) AS cost, first_value(agent) OVER (PARTITION BY entry_id ORDER BY ended.number) AS first_agent
        FROM ended LEFT JOIN {RoundSpend._meta.db_table} spend ON spend.account_id = ended.account AND spend.number = ended.number),
    entries AS (
        SELECT entry_id, grouped, first_agent, min(state) AS state, sum(cost) FILTER (WHERE agent = first_agent) AS own,
            sum(cost) FILTER (WHERE agent <> first_agent) AS later, max(agent) FILTER (WHERE agent <> first_agent) AS second_agent
        FROM made GROUP BY entry_id, grouped, first_agent)
    SELECT grouped, first_agent, max(second_agent), count(*), count(*) FILTER (WHERE second_agent IS NULL AND state = 'done'),
        count(*) FILTER (WHERE second_agent IS NOT NULL), sum(own), sum(later)
    FROM entries GROUP BY grouped, first_agent"""
