"""From what is asked to the entries: the address and the search box as one filter, and the order that a page is cut by."""

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import connection
from django.db.models import BigIntegerField, Expression, F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce

from dashboard.entries import search_language, status_groups
from dashboard.entries.search_language import Asked, Term
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest
from orchestration import reasons
from orchestration.backlog import paths
from orchestration.backlog.entries import PRIORITIES
from orchestration.executor import explain
from orchestration.models import Dependency, Entry
from orchestration.reasons import Reason

MOST_ASKED = 2000  # entries that are asked for a reason which nothing stored tells
_COMPARE = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "=": "exact"}
_FIELDS = {"spent": "account__spent", "budget": "account__budget", "score": "score", "rounds": "rounds_completed"}


class _Milliseconds(Func):
    """A time as a whole number: SQLite keeps times as text of different lengths, by which no page can be cut."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="CAST((julianday(%(expressions)s) - 2440587.5) * 86400000 AS INTEGER)", **extra
        )

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(extract(epoch FROM %(expressions)s) * 1000 AS bigint)", **extra)


# What a page is cut by, always whole numbers: no score is below every score.
SORTS: dict[str, Expression | F] = {
    "seq": F("seq"),
    "priority": F("priority"),
    "rounds": F("rounds_completed"),
    "score": Coalesce(Cast(F("score") * 1_000_000.0, BigIntegerField()), Value(-1)),
    "spent": F("account__spent"),
    "updated": _Milliseconds(F("updated_at")),
}
UPWARD_FIRST = ("seq", "priority")


class EntriesFilter(forms.Form):
    status = forms.ChoiceField(choices=[("", ""), *search_language.STATUSES.items()], required=False)
    reason = forms.RegexField(r"^[a-z_]{1,30}$", required=False)
    locked = forms.ChoiceField(choices=[("", ""), ("1", "")], required=False)
    q = forms.CharField(max_length=search_language.LONGEST, required=False)
    view = forms.ChoiceField(choices=[("", ""), ("graph", ""), ("table", "")], required=False)
    sort = forms.ChoiceField(choices=[("", ""), *((f"{sign}{name}", "") for name in SORTS for sign in ("", "-"))], required=False)


@dataclass(frozen=True)
class Wanted:
    """What the address asks for. `asked`: its `q`, parsed."""

    chosen: dict[str, Any]
    asked: Asked
    ignored: list[str]

    @property
    def filtered(self) -> bool:
        return bool(self.chosen["status"] or self.chosen["reason"] or self.chosen["locked"] or self.asked.anything)

    @property
    def sentence(self) -> str:
        status, reason = self.chosen["status"], self.chosen["reason"]
        about = f"waiting for {reasons.waiting_for(reason)}" if reason else ""
        locked = "with a locked budget" if self.chosen["locked"] else ""
        return search_language.sentence(self.asked, search_language.STATUSES.get(status, ""), about, locked)

    @property
    def order(self) -> tuple[str, bool]:
        """What it is sorted by, and whether downwards."""
        sort = str(self.chosen["sort"])
        return sort.removeprefix("-") or "seq", sort.startswith("-")


def read(page_request: PageRequest) -> Wanted:
    chosen, ignored = filters.read(EntriesFilter, page_request)
    asked = search_language.parse(chosen["q"])
    return Wanted(chosen, asked, [*ignored, *asked.ignored])


def backlog(workspace_id: str) -> QuerySet[Entry]:
    return Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True)


def beside(workspace_id: str, wanted: Wanted) -> QuerySet[Entry]:
    """All that fit, whatever their status and reason: what the rail counts."""
    found = backlog(workspace_id)
    if wanted.chosen["locked"]:
        found = found.filter(account__human_locked=True)
    for term in wanted.asked.terms:
        found = _by_term(workspace_id, found, term)
    for word in wanted.asked.words:
        found = found.filter(_by_word(word))
    return found


def matching(workspace_id: str, wanted: Wanted) -> QuerySet[Entry]:
    """All that fit."""
    found = beside(workspace_id, wanted)
    if status := wanted.chosen["status"]:
        found = _by_term(workspace_id, found, Term("status", status))
    if reason := wanted.chosen["reason"]:
        found = _by_term(workspace_id, found, Term("reason", reason))
    return found


def ordered(found: QuerySet[Entry], wanted: Wanted) -> QuerySet[Entry]:
    """With `place`, by which paging cuts."""
    return found.annotate(place=SORTS[wanted.order[0]])


def _by_word(word: str) -> Q:
    number = word.removeprefix("#")
    by_number = Q(seq=int(number)) if number.isascii() and number.isdigit() and len(number) < 16 else Q()
    if by_number and word.startswith("#"):
        return by_number
    return Q(content__icontains=word) | Q(id=word) | by_number


def _by_term(workspace_id: str, found: QuerySet[Entry], term: Term) -> QuerySet[Entry]:
    if term.name in _FIELDS:
        return found.filter(**{f"{_FIELDS[term.name]}__{_COMPARE[term.way]}": term.value})
    match term.name:
        case "status":
            return found.filter(status_groups.OPEN if term.value == "open" else status_groups.KINDS[str(term.value)])
        case "reason":
            return _by_reason(workspace_id, found, str(term.value))
        case "locked":
            return found.filter(account__human_locked=bool(term.value))
        case "held":
            held = Q(status=Entry.Status.BLOCKED, reason_code=Reason.HUMAN_HOLD)
            return found.filter(held if term.value else ~held)
        case "dep":
            waits = Dependency.objects.filter(depends_on__seq=str(term.value), depends_on__workspace_id=workspace_id)
            return found.filter(pk__in=waits.values("entry"))
        case "file":
            return found.annotate(listed=Cast("paths", TextField())).filter(_by_file(str(term.value)))
        case "priority":
            return found.filter(priority=PRIORITIES[str(term.value)])
        case "group":
            return found.filter(parallel_group=term.value)
        case _:
            return found.filter(created_by__iexact=term.value)


def _by_reason(workspace_id: str, found: QuerySet[Entry], reason: str) -> QuerySet[Entry]:
    """Stored reasons in the database; those that only the executor's checks know by asking them, of the first that would be looked at."""
    if reason not in status_groups.ASKED:
        return found.annotate(stored=status_groups.REASON).filter(stored=reason)
    _, explained = explain.explain(workspace_id, limit=MOST_ASKED)
    return found.filter(pk__in=[one.entry.id for one in explained if one.why and one.why.code == reason])


def _by_file(path: str) -> Q:
    """Paths with these letters, and folders that it lies in: who locks `app/` touches `app/mail.py`."""
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
    """As it stands in the stored JSON: SQLite's is ASCII."""
    return json.dumps(path, ensure_ascii=connection.vendor == "sqlite")[1:-1]
