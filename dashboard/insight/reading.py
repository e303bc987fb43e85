"""The figures of rounds, summed by the database: two queries, whatever the number of rounds. Triggers keep the money and the tokens of each round
and of each of its models, so the ledger is not read.

By model, money and tokens count for each model that they went to; what rounds achieved counts for the one with most of the session's money."""

from collections.abc import Hashable
from datetime import date, tzinfo

from django.db import connection
from django.db.models import BooleanField, Case, CharField, Exists, Expression, F, OuterRef, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Concat, Now, TruncDate

from budget.models import ModelSpend, RoundSpend
from dashboard.insight import queueing
from dashboard.insight.figures import Figures, Row, Waits
from dashboard.shared.lists.span import Span
from orchestration.configuration import DEFAULT
from orchestration.models import Entry, Round, Session

PASSED = Q(verdict=Round.Verdict.PASSED)
LANDED = PASSED & Q(entry__status=Entry.Status.DONE)
GIVEN_UP = Q(entry__status=Entry.Status.FAILED) | Q(entry__deleted_at__isnull=False)
OVER = Q(session__ended_at__isnull=False)
WASTED = OVER & (GIVEN_UP | ~PASSED & ~Q(session__outcome__in=[Session.Outcome.ASKED, Session.Outcome.STOPPED]))
"""A round that ended with a question goes on with the answer; one that a person stopped says nothing of its agent."""
FIRST = Q(number=1, verdict__in=[Round.Verdict.PASSED, Round.Verdict.FAILED])


ENDED_EARLY = ~Q(ended_early="") & ~Q(verdict__in=[Round.Verdict.OPEN, Round.Verdict.UNVERIFIED])
_PASSED_LATER = Round.objects.filter(
    PASSED, entry=OuterRef("entry"), number__gt=OuterRef("number"), commit=OuterRef("commit")
).exclude(commit="")
FALSE_ALARM = ENDED_EARLY & (PASSED | Exists(_PASSED_LATER))
"""Its work passed as it was: in its own verdict, or in a later one without a new commit."""


def rows(workspace_id: str, span: Span, by: str, zone: tzinfo) -> tuple[list[Row], Row]:
    """A row for each group with a round that ended in the span, or that is at work where it ends now, in no order, and the row of all. `by`: model, agent, step, group, person, day."""
    now, before = sums(workspace_id, span, by, zone)
    sessions = Session.objects.filter(_ended_in(span), workspace=workspace_id, status=Session.Status.ENDED)
    read = queueing.percentiles(sessions.annotate(key=_key(by, zone), is_now=_is_now(span)))
    waits = {(_of_database(key, by), is_now): wait for (key, is_now), wait in read.items()}

    def row(key: Hashable, figures: Figures, earlier: Figures) -> Row:
        compared = earlier if span.before else None
        return Row(key, figures, compared, waits.get((key, True), Waits()), waits.get((key, False), Waits()))

    every = row(queueing.ALL, sum(now.values(), Figures()), sum(before.values(), Figures()))
    return [row(key, figures, before.get(_earlier(key, span), Figures())) for key, figures in now.items()], every


def sums(workspace_id: str, span: Span, by: str, zone: tzinfo) -> tuple[dict[Hashable, Figures], dict[Hashable, Figures]]:
    """The figures of each group in the span and in the period before, without the time in queue. Of what is at work, its money counts. One query."""
    now: dict[Hashable, Figures] = {}
    before: dict[Hashable, Figures] = {}
    read = _ended_in(span, "session__") | ~OVER if span.until == span.now else _ended_in(span, "session__")
    rounds = Round.objects.filter(read, session__workspace=workspace_id).order_by()
    marks: dict[str, Q | Combinable] = {
        "is_over": OVER,
        "is_landed": LANDED,
        "is_first": FIRST,
        "is_passed": PASSED,
        "is_wasted": WASTED,
    }
    marks |= {"is_ended_early": ENDED_EARLY, "is_false_alarm": FALSE_ALARM}
    marked = rounds.annotate(
        key=_key(by, zone, "session__"), is_now=_is_now(span, "session__"), account_id=F("entry__account"), **marks
    )
    kept = ("key", "is_now", "account_id", "entry_id", "number", "improvement_score", *marks)
    sql, parameters = marked.values(*kept).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute((_SUMS_BY_MODEL if by == "model" else _SUMS).format(rounds=sql), parameters)
        for key, is_now, *values in cursor.fetchall():
            figures, group = now if is_now else before, _of_database(key, by)
            figures[group] = figures.get(group, Figures()) + Figures(*(int(value or 0) for value in values))
    return now, before


def _of_database(key: Hashable, by: str) -> Hashable:
    """SQLite has no dates."""
    return date.fromisoformat(key) if by == "day" and isinstance(key, str) else key


def _earlier(key: Hashable, span: Span) -> Hashable:
    """The same group in the period before; of a day, the day that is as long before as the span is long."""
    return key - (span.until - span.since) if isinstance(key, date) and span.since else key


_COUNTS = """count(*) FILTER (WHERE is_over), count(DISTINCT CASE WHEN is_landed THEN entry_id END), count(*) FILTER (WHERE is_first),
        count(*) FILTER (WHERE is_first AND is_passed)"""
_ENDS = """count(*) FILTER (WHERE is_ended_early), count(*) FILTER (WHERE is_false_alarm), count(*) FILTER (WHERE is_passed),
        1000 * sum(ended.improvement_score) FILTER (WHERE ended.improvement_score > 0)"""
_MONEY = "sum(cost), sum(cost) FILTER (WHERE is_wasted), sum(input_tokens), sum(cached_tokens)"

# The ORM would join the accounts between.
_SUMS = f"""
    SELECT key, is_now, {_COUNTS}, {_MONEY}, {_ENDS}
    FROM ({{rounds}}) ended LEFT JOIN {RoundSpend._meta.db_table} spend ON spend.account_id = ended.account_id AND spend.number = ended.number
    GROUP BY key, is_now"""

# A request that names no model went to the one of its session.
_SUMS_BY_MODEL = f"""
    WITH ended AS ({{rounds}})
    SELECT key, is_now, {_COUNTS}, 0, 0, 0, 0, {_ENDS} FROM ended GROUP BY key, is_now
    UNION ALL
    SELECT coalesce(nullif(spend.model, ''), ended.key), is_now, 0, 0, 0, 0, {_MONEY}, 0, 0, 0, 0
    FROM ended JOIN {ModelSpend._meta.db_table} spend ON spend.account_id = ended.account_id AND spend.number = ended.number
    GROUP BY 1, is_now"""


def _key(by: str, zone: tzinfo, path: str = "") -> Expression | F:
    """`path`: the lookup from the model that is read to the session."""
    if by == "day":
        return TruncDate(Coalesce(f"{path}ended_at", Now()), tzinfo=zone)
    if by == "step":
        name = Case(When(**{f"{path}agent_name": ""}, then=Value(DEFAULT)), default=F(f"{path}agent_name"))
        effort = Case(When(**{f"{path}effort": ""}, then=Value("")), default=Concat(Value(" "), f"{path}effort"))
        return Concat(name, effort, output_field=CharField())
    if by == "agent":
        return Case(When(**{f"{path}agent_name": ""}, then=F(f"{path}agent")), default=F(f"{path}agent_name"))
    if by == "model":
        return F(f"{path}model")
    return F({"group": "entry__group", "person": "entry__created_by"}[by])


def _ended_in(span: Span, path: str = "") -> Q:
    """The condition that a row ended in the span or in the period before it."""
    since = {f"{path}ended_at__gte": span.before} if span.before else {}
    return Q(**since, **{f"{path}ended_at__lt": span.until})


def _is_now(span: Span, path: str = "") -> Case | Value:
    if span.since is None:
        return Value(True, output_field=BooleanField())
    inside = When(Q(**{f"{path}ended_at__gte": span.since}) | Q(**{f"{path}ended_at": None}), then=Value(True))
    return Case(inside, default=Value(False), output_field=BooleanField())
