"""The rail next to the list: counts by status and reason, and by group, under the other filters. Two queries."""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import BooleanField, Count, Min, Q, QuerySet, Value
from django.db.models.expressions import RawSQL

from dashboard.entries import saved_views
from dashboard.shared import counts
from dashboard.shared.lists import filters, together
from dashboard.shared.lists.head import Head
from dashboard.shared.page_request import PageRequest
from orchestration.backlog.rules import status_groups
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.lists import entries as lists
from orchestration.models import Entry, Executor, Question

MAX_GROUPS = 60
GROUPS = {
    "ready": "Ready",
    "running": "In progress",
    "review": "In review",
    "waiting": "Waiting",
    "blocked": "Blocked",
    "failed": "Failed",
    "done": "Done",
}
WIDER = {"open": tuple(kind for kind in status_groups.KINDS if kind != "done"), "stuck": ("blocked", "failed")}
WITHOUT_REASONS = ("ready", "running", "done")
_QUESTIONS = "questions"  # counted with the groups: is there any
# In the words of their index: SQLite uses it for a condition without parameters only.
_HAS_GROUP = RawSQL("""orchestration_entry."group" > ''""", [], output_field=BooleanField())
ORDER = {str(code): n for n, code in enumerate(reasons.WORDS)}


@dataclass(frozen=True)
class Counts:
    """Numbers above COUNTED_TO mean: at least so many."""

    by_kind: dict[str, int]
    by_reason: dict[tuple[str, str], int]

    @property
    def total(self) -> int:
        return sum(self.by_kind.values())

    def matching(self, status: str, reason: str) -> int | None:
        """The number of entries with this status and reason; None for reasons that are not stored, and for what landed today."""
        if reason in status_groups.EXPLAINED_ONLY or status == "landed":
            return None
        kinds = WIDER.get(status, (status,)) if status else tuple(status_groups.KINDS)
        if reason:
            return sum(n for (kind, code), n in self.by_reason.items() if code == reason and kind in kinds)
        return sum(self.by_kind.get(kind, 0) for kind in kinds)


def count(page_request: PageRequest, query: lists.EntryQuery) -> Counts:
    """Count entries with a reason by reason, the rest up to COUNTED_TO. One statement, one more while an agent waits for an answer,
    and four while some agents cannot start."""
    entries = lists.matching_any_status(page_request.workspace.pk, query).order_by()
    columns = ("kind", "stored", "n")
    with_reasons = entries.filter(status_groups.WITH_REASONS).annotate(
        kind=status_groups.STORED_KIND, stored=status_groups.STORED_REASON
    )
    one_row = Executor.objects.filter(pk=page_request.workspace.pk)
    unanswered = Question.objects.filter(workspace=page_request.workspace, answered_at__isnull=True)
    others = {kind: entries.filter(status_groups.STORED_KINDS[kind]) for kind in WITHOUT_REASONS} | {_QUESTIONS: unanswered}
    counted = [
        one_row.annotate(kind=Value(kind), stored=Value(""), n=counts.Counted(rows)).values_list(*columns)
        for kind, rows in others.items()
    ]
    statement = with_reasons.values("kind", "stored").annotate(n=Count("*")).values_list(*columns)
    by_kind: dict[str, int] = dict.fromkeys([*status_groups.KINDS, _QUESTIONS], 0)
    by_reason: dict[tuple[str, str], int] = {}
    for kind, stored, n in statement.union(*counted, all=True):
        by_kind[kind] = by_kind.get(kind, 0) + n
        if stored:
            by_reason[kind, stored] = by_reason.get((kind, stored), 0) + n
    known = Counts(by_kind, by_reason)
    if by_kind.pop(_QUESTIONS):
        _move_those_that_ask(known, entries)
    if query.shut is not None:
        _move_those_without_agent(known, entries, query.shut)
    return known


def _move_those_that_ask(known: Counts, entries: QuerySet[Entry]) -> None:
    """Count entries that wait for an answer as in review. A group that is too large to be counted stays so."""
    waiting = entries.filter(status_groups.WAITING_FOR_ANSWER).annotate(
        kind=status_groups.STORED_KIND, stored=status_groups.STORED_REASON
    )
    for kind, stored, n in waiting.values_list("kind", "stored").annotate(n=Count("*")):
        if known.by_kind[kind] <= counts.COUNTED_TO:
            known.by_kind[kind] -= n
        if stored:
            known.by_reason[kind, stored] -= n
        known.by_kind["review"] += n
        answer = ("review", str(Reason.WAITING_FOR_ANSWER))
        known.by_reason[answer] = known.by_reason.get(answer, 0) + n


def _move_those_without_agent(known: Counts, entries: QuerySet[Entry], shut: Q) -> None:
    """Count entries whose agents cannot start as waiting for these. Two queries."""
    waiting = entries.filter(shut).annotate(kind=status_groups.STORED_KIND, stored=status_groups.STORED_REASON)
    for kind, stored, n in waiting.values_list("kind", "stored").annotate(n=Count("*")):
        if kind != "ready":  # counted to a limit
            known.by_kind[kind] -= n
        if stored:
            known.by_reason[kind, stored] -= n
        known.by_kind["waiting"] += n
        provider = ("waiting", str(Reason.AGENT_UNAVAILABLE))
        known.by_reason[provider] = known.by_reason.get(provider, 0) + n
    known.by_kind["ready"] = entries.filter(status_groups.of_kind("ready", shut))[: counts.COUNTED_TO + 1].count()


def build(page_request: PageRequest, query: lists.EntryQuery, known: Counts) -> list[dict[str, Any]]:
    """The links: all entries, each status, and below a status its reasons."""
    status, reason = query.chosen["status"], query.chosen["reason"]
    items = [_item(page_request, "All", counts.text(known.total), not status and not reason)]
    for kind, word in GROUPS.items():
        item = _item(page_request, word, counts.text(known.by_kind[kind]), status == kind and not reason, status=kind)
        by_code = {code: n for (of, code), n in known.by_reason.items() if of == kind and n}
        if status == kind and reason in ORDER and reason not in status_groups.EXPLAINED_ONLY:
            by_code.setdefault(reason, 0)
        under = [
            _item(
                page_request,
                reasons.label(code),
                counts.text(by_code[code]),
                status == kind and reason == code,
                kind,
                code,
            )
            for code in sorted(by_code, key=lambda code: (ORDER.get(code, 99), code))
        ]
        items.append(item | {"under": under, "here": status == kind})
    return items


def groups(page_request: PageRequest, query: lists.EntryQuery) -> Head[dict[str, Any]]:
    """The first groups of the entries under the other filters, in the order of the backlog. One query, which reads the saved views too."""
    chosen = query.chosen["group"]
    others = replace(query, chosen=query.chosen | {"group": ""})
    entries = lists.matching(page_request.workspace.pk, others).filter(_HAS_GROUP).order_by()
    counted = entries.values("group").annotate(n=Count("*"), first=Min("seq"), none=Value("")).order_by("first")
    piles = {
        "headings": counted.values_list("group", "n", "first", "none")[: MAX_GROUPS + 1],
        "views": saved_views.rows(page_request),
    }
    read = together.read(piles)
    saved_views.remember(page_request, read["views"])
    shown = Head(
        {
            "word": group,
            "n": counts.text(n),
            "chosen": group == chosen,
            "query": filters.query(page_request, "group", group="" if group == chosen else group),
        }
        for group, n, *_ in read["headings"][:MAX_GROUPS]
    )
    shown.total = len(read["headings"])
    return shown


def _item(page_request: PageRequest, word: str, n: str, chosen: bool, status: str = "", reason: str = "") -> dict[str, Any]:
    return {
        "word": word,
        "n": n,
        "chosen": chosen,
        "query": filters.query(page_request, "status", "reason", status=status, reason=reason),
    }
