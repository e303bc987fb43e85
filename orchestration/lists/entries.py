"""Lists of entries: what filters and a search select, and its order.

A filter is a qualifier of `search_language` with its column here, an order a row of SORTS: pages, CSV, API and CLI take both."""

import json
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Exists, Expression, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone
from django.utils.timezone import now

from budget.models import ModelSpend
from orchestration.backlog.entries import PRIORITIES
from orchestration.backlog.files import paths
from orchestration.backlog.rules import status_groups
from orchestration.executor import explain
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.landing import reads as landing_reads
from orchestration.lists import search_language
from orchestration.lists.search_language import Search, Term
from orchestration.models import Dependency, Entry, Session
from workspaces import times
from workspaces.errors import Invalid

_COMPARE = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "exact"}
_FIELDS = {
    "spent": "account__spent",
    "budget": "account__budget",
    "score": "score",
    "rounds": "rounds_completed",
    "parent": "parent__seq",
    "asks": "next_agent",
}
FLAGS = {
    "locked": Q(account__human_locked=True),
    "held": Q(status=Entry.Status.BLOCKED, reason_code=Reason.HUMAN_HOLD),
    "over": Q(account__spent__gt=F("account__budget")),
    "own_budget": Q(account__own_budget=True),
}
_OF_SESSIONS = ("agent", "model", "worked")


class _Milliseconds(Func):
    """A time as an integer: SQLite stores times as text of different lengths, which keyset pagination cannot compare."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="CAST((julianday(%(expressions)s) - 2440587.5) * 86400000 AS INTEGER)", **extra
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(extract(epoch FROM %(expressions)s) * 1000 AS bigint)", **extra)


# Keys of the pagination, always integers: no score sorts below every score. Open ones first is in the words of their index.
SORTS: dict[str, Expression | F] = {
    "open": Func(F("status"), template="(CASE WHEN %(expressions)s = 'done' THEN 1 ELSE 0 END)", output_field=BigIntegerField()),
    "seq": F("seq"),
    "priority": F("priority"),
    "rounds": F("rounds_completed"),
    "score": Coalesce(Cast(F("score") * 1_000_000.0, BigIntegerField()), Value(-1)),
    "spent": F("account__spent"),
    "budget": F("account__budget"),
    "left": F("account__budget") - F("account__spent") - F("account__held"),
    "updated": _Milliseconds(F("updated_at")),
}
SYNONYMS = {"cost": "spent"}
ORDER = rf"^-?({'|'.join([*SORTS, *SYNONYMS])})$"
"""A sort parameter; `-` is descending."""
DEFAULT_SORT = "open"
IN_GROUPS = ("open", "seq")  # the orders in which entries stand below their heading and their parent


@dataclass(frozen=True)
class EntryQuery:
    """The filters of a request. `search`: parsed, of a page its `q`. `shut`: the entries that wait for their agent."""

    chosen: dict[str, Any]
    search: Search
    ignored: list[str]
    shut: Q | None = None

    @property
    def status(self) -> str:
        """The status of the entries that are listed."""
        return self.chosen["status"] or ("open" if self.chosen.get("done") else "")

    @property
    def filtered(self) -> bool:
        return bool(self.chosen["status"] or self.chosen["reason"]) or self.filtered_apart_from_status

    @property
    def filtered_apart_from_status(self) -> bool:
        return bool(self.chosen["locked"] or self.chosen["group"] or self.search.has_criteria)

    @property
    def of_any_status(self) -> "EntryQuery":
        """The same query for any status and reason: a board shows all of them."""
        return replace(self, chosen=self.chosen | {"status": "", "reason": ""})

    @property
    def sentence(self) -> str:
        status, reason = self.chosen["status"], self.chosen["reason"]
        about = reasons.group(reason) if reason else ""
        locked = "with a locked budget" if self.chosen["locked"] else ""
        group = f"in the group {self.chosen['group']}" if self.chosen.get("group") else ""
        return search_language.sentence(self.search, search_language.STATUSES.get(status, ""), about, locked, group)

    @property
    def order(self) -> tuple[str, bool]:
        """The sort key, and whether descending."""
        return order(self.chosen["sort"])


def order(sort: str, default: str = DEFAULT_SORT) -> tuple[str, bool]:
    """The key of SORTS in a sort parameter, and whether descending."""
    name = sort.removeprefix("-") or default
    return SYNONYMS.get(name, name), sort.startswith("-")


def backlog(workspace_id: str) -> QuerySet[Entry]:
    return Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True)


def matching_any_status(workspace_id: str, query: EntryQuery) -> QuerySet[Entry]:
    """Entries that match all filters except status and reason: the base of the rail's counts."""
    entries = backlog(workspace_id)
    if query.chosen["locked"]:
        entries = entries.filter(FLAGS["locked"])
    if group := query.chosen.get("group"):
        entries = entries.filter(_by_group(group))
    of_sessions = [term for term in query.search.terms if term.name in _OF_SESSIONS]
    for term in query.search.terms:
        if term not in of_sessions:
            entries = _by_term(workspace_id, entries, term, query.shut)
    if of_sessions:
        entries = entries.filter(pk__in=_worked_on(workspace_id, of_sessions).values("entry"))
    for word in query.search.words:
        entries = entries.filter(by_word(word))
    return entries


def matching(workspace_id: str, query: EntryQuery) -> QuerySet[Entry]:
    entries = matching_any_status(workspace_id, query)
    if status := query.status:
        entries = _by_term(workspace_id, entries, Term("status", status), query.shut)
    if reason := query.chosen["reason"]:
        entries = _by_term(workspace_id, entries, Term("reason", reason), query.shut)
    return entries


def searched(workspace_id: str, text: str) -> QuerySet[Entry]:
    """The entries that a search selects. Raises Invalid for one with a part that cannot be read, which a page ignores."""
    search = search_language.parse(text)
    if search.ignored or "\x00" in text:
        raise Invalid(f"Cannot be read: {', '.join(search.ignored) or 'NUL'}", "search")
    shut = _shut(workspace_id) if {term.name for term in search.terms} & {"status", "reason"} else None
    return matching_any_status(workspace_id, EntryQuery({"locked": ""}, search, [], shut))


def with_reason(workspace_id: str, entries: QuerySet[Entry], reason: str) -> QuerySet[Entry]:
    """The entries that have this reason on record, or wait for it first."""
    waiting = _by_reason(workspace_id, backlog(workspace_id), reason, _shut(workspace_id))
    return entries.filter(Q(reason_code=reason) | Q(pk__in=waiting.values("pk")))


def _shut(workspace_id: str) -> Q | None:
    return status_groups.waits_for_agent(explain.open_agents(workspace_id))


def ordered(entries: QuerySet[Entry], name: str) -> QuerySet[Entry]:
    """Annotated with `place`, the key of the pagination in this order of SORTS."""
    if name == "spent":  # named, so that the database can read the accounts in their order
        entries = entries.filter(account__project=F("workspace"))
    return entries.annotate(place=SORTS[name])


def by_word(word: str, of: str = "") -> Q:
    """`of`: the path from other rows to their entry."""
    number = word.removeprefix("#")
    by_number = Q((f"{of}seq", int(number))) if number.isascii() and number.isdigit() and len(number) < 16 else Q()
    if by_number and word.startswith("#"):
        return by_number
    return Q((f"{of}content__icontains", word)) | Q((f"{of}id", word)) | by_number


def _by_term(workspace_id: str, entries: QuerySet[Entry], term: Term, shut: Q | None) -> QuerySet[Entry]:
    if term.name in FLAGS:
        return entries.filter(FLAGS[term.name] if term.value else ~FLAGS[term.name])
    if term.name in _FIELDS:
        return entries.filter(**{f"{_FIELDS[term.name]}__{_COMPARE[term.comparison]}": term.value})
    match term.name:
        case "status":
            return entries.filter(by_status(workspace_id, str(term.value), shut))
        case "reason":
            return _by_reason(workspace_id, entries, str(term.value), shut)
        case "dep":
            waits = Dependency.objects.filter(depends_on__seq=str(term.value), depends_on__workspace_id=workspace_id)
            return entries.filter(pk__in=waits.values("entry"))
        case "file":
            return entries.annotate(listed=Cast("paths", TextField())).filter(_by_file(str(term.value)))
        case "priority":
            return entries.filter(priority=PRIORITIES[str(term.value)])
        case "group":
            return entries.filter(_by_group(str(term.value)) | Q(parallel_group=term.value))
        case _:
            return entries.filter(created_by__iexact=term.value)


def by_status(workspace_id: str, status: str, shut: Q | None) -> Q:
    """A group of the rail, or one of the wider ones: `open`, `stuck` (blocked or failed), and `landed` (in the reader's day)."""
    match status:
        case "open":
            return status_groups.OPEN
        case "stuck":
            return status_groups.KINDS["blocked"] | status_groups.KINDS["failed"]
        case "landed":
            midnight = times.midnight(timezone.localdate(), timezone.get_current_timezone())
            return Q(pk__in=landing_reads.landed_since(midnight, workspace_id).values("entry"))
    return status_groups.of_kind(status, shut)


def _worked_on(workspace_id: str, terms: list[Term]) -> QuerySet[Session]:
    """Sessions that match all terms: the model of one and the day of another do not count together."""
    sessions = Session.objects.filter(workspace=workspace_id)
    for term in terms:
        value = str(term.value)
        if term.name == "worked":
            since, _, until = value.partition("..")
            start = times.parse_minute(since) or now() - search_language.SPANS[value]
            sessions = sessions.filter(ended_at__gte=start, ended_at__lt=times.parse_minute(until) or now())
        elif term.name == "model" and value != "none":
            of_round = ModelSpend.objects.filter(account=OuterRef("entry__account"), number=OuterRef("rounds__number"))
            sessions = sessions.filter(Q(model=value) | Exists(of_round.filter(model=value)))
        elif term.name == "agent" and value != "none":
            sessions = sessions.filter(Q(agent=value) | Q(agent_name=value))
        else:
            sessions = sessions.filter(**{term.name: ""})
    return sessions


def _by_group(group: str) -> Q:
    """The entries of a group, and of the groups below it."""
    return Q(group=group) | Q(group__startswith=f"{group} / ")


def _by_reason(workspace_id: str, entries: QuerySet[Entry], reason: str, shut: Q | None) -> QuerySet[Entry]:
    """Stored reasons are filtered in the database; the others by explaining all entries that wait."""
    if reason == Reason.WAITING_FOR_ANSWER:
        return entries.filter(status_groups.WAITING_FOR_ANSWER)
    if reason not in status_groups.EXPLAINED_ONLY:
        return entries.annotate(stored=status_groups.reason(shut)).filter(stored=reason)
    explained = explain.whole(workspace_id)
    return entries.filter(
        pk__in=[explanation.entry.id for explanation in explained if explanation.why and explanation.why.code == reason]
    )


def _by_file(path: str) -> Q:
    """Paths that contain the text, and its parent folders: a lock on `app/` covers `app/mail.py`."""
    try:
        above = list(paths.ancestors(paths.normalise(path)))
    except paths.BadPath:
        above = []
    named = Q(listed__icontains=_quoted(path))
    for folder in above:
        for form in (folder, f"{folder}/"):
            named |= Q(listed__contains=f'"{_quoted(form)}"')
    return named


def _quoted(path: str) -> str:
    """The path as the JSON column stores it: SQLite's JSON is ASCII."""
    return json.dumps(path, ensure_ascii=connection.vendor == "sqlite")[1:-1]
