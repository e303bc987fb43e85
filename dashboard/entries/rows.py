"""Rows of entries with the reason that each waits for, taken from the executor's checks. The number of queries does not depend on the number of rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse

from budget.charts.bullet import Use
from budget.reads import gateway_requests
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import entry_state, labels, remedies
from orchestration.backlog.tree import reads as tree
from orchestration.executor import explain
from orchestration.executor.explain import Explanation
from orchestration.executor.plan import Check
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.landing import queue
from orchestration.models import Dependency, Entry, Session

# Reason: (the status of the dependencies in question, empty for not done; the beginning of the sentence).
_ABOUT_NEEDS: dict[str, tuple[str, str]] = {
    Reason.DEPENDENCIES_PENDING: ("", "After "),
    Reason.DEPENDENCY_FAILED: ("failed", "Failed dependency: "),
}
_IN_REVIEW = (Reason.WAITING_FOR_APPROVAL, Reason.WAITING_FOR_ANSWER)
Pieces = list[tuple[str, str]]


@dataclass(frozen=True)
class RowContext:
    """Data shared by rows: links to lock holders, since when they hold, since when the executor is paused, and the agents that may start
    (None: all)."""

    names: Mapping[str, labels.Link]
    since: Mapping[str, datetime | None]
    common_since: datetime | None
    open_agents: frozenset[str] | None


@dataclass(frozen=True)
class OpenSession:
    """The fields of an entry's open session that a row shows."""

    pk: str
    phase: str
    round_number: int
    claimed_at: datetime
    candidate: int = 0
    several: int = 1
    """Candidates at work."""
    request_waits_for: str | None = None
    """Its oldest request that waits in the gateway: read for an entry's page alone."""
    request_waits_since: datetime | None = None
    request_waits_with: str | None = None


_SHOWN = ("id", "phase", "round_number", "claimed_at", "candidate")
_WAITS = ("request_waits_for", "request_waits_since", "request_waits_with")


def with_sessions(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """Annotate entries with their open session, of candidates the first, and with how many are open, in the same query."""
    at_work = Session.objects.filter(entry=OuterRef("pk"), status__in=Session.OPEN).order_by("candidate")
    counted = at_work.order_by().values("entry").annotate(n=Count("pk")).values("n")
    first = {f"at_work_{name}": Subquery(at_work.values(name)[:1]) for name in _SHOWN}
    return entries.annotate(**first, at_work_several=Coalesce(Subquery(counted), 0))


def with_waits(entries: QuerySet[Entry]) -> QuerySet[Entry]:
    """Entries of `with_sessions`, annotated with the oldest request of their open session that waits in the gateway."""
    at_work = Session.objects.filter(entry=OuterRef("pk"), status__in=Session.OPEN).order_by("candidate")
    waiting = at_work.annotate(**gateway_requests.oldest_wait(OuterRef("hold_id")))
    return entries.annotate(**{f"at_work_{name}": Subquery(waiting.values(name)[:1]) for name in _WAITS})


def _sessions(entries: Sequence[Entry]) -> dict[str, OpenSession]:
    """The open session of each entry. One query, for entries that are not annotated with theirs."""
    ids = [entry.pk for entry in entries if not hasattr(entry, "at_work_id")]
    open_sessions = list(Session.objects.filter(entry_id__in=ids, status__in=Session.OPEN).order_by("-candidate")) if ids else []
    several = Counter(session.entry_id for session in open_sessions)
    known = {
        s.owner_id: OpenSession(s.pk, s.phase, s.round_number, s.claimed_at, s.candidate, several[s.entry_id])
        for s in open_sessions
    }
    for entry in entries:
        if getattr(entry, "at_work_id", None):
            waits = [getattr(entry, f"at_work_{name}", None) for name in _WAITS]
            known[entry.pk] = OpenSession(*(getattr(entry, f"at_work_{name}") for name in (*_SHOWN, "several")), *waits)
    return known


def rows(page_request: PageRequest, entries: Sequence[Entry], *, own_first: bool = False) -> list[dict[str, Any]]:
    """The entries with their reasons, dependencies and sessions. `own_first`: an entry's own reason comes before reasons common to all,
    for lists that state the common reasons once above."""
    return rows_with_common_checks(page_request, entries, own_first=own_first)[0]


def rows_with_common_checks(
    page_request: PageRequest, entries: Sequence[Entry], *, own_first: bool = False
) -> tuple[list[dict[str, Any]], list[Check]]:
    """The rows, and the checks that fail for every entry."""
    ids = [entry.pk for entry in entries]
    explained, common = explain.reasons_and_common(
        page_request.workspace.pk, [entry.pk for entry in entries if entry.status != Entry.Status.DONE]
    )
    needs: dict[str, list[Entry]] = defaultdict(list)
    links = Dependency.objects.filter(entry_id__in=ids).select_related("depends_on").order_by("depends_on__seq")
    for link in links:
        needs[link.entry_id].append(link.depends_on)
    sessions = _sessions(entries)
    away = queue.waiting_for_host([entry.pk for entry in entries if _lands(entry, sessions.get(entry.pk))])
    done_of = tree.progress([entry.pk for entry in entries if entry.is_container])
    parents = Entry.objects.in_bulk({entry.parent_id for entry in entries if entry.parent_id})
    holders = {check.holder for explanation in explained.values() for check in explanation.checks if check.holder}
    context = _row_context(page_request, holders, common)
    built = [
        _row(entry, explained.get(entry.pk), needs[entry.pk], sessions.get(entry.pk), context, own_first) for entry in entries
    ]
    for row in built:
        if message := away.get(row["entry"].pk):
            row["why"] = row["detail"] = [(message, reverse("landing", args=[page_request.workspace.pk]))]
        row["children"] = done_of.get(row["entry"].pk)
        row["parent"] = parents.get(row["entry"].parent_id)
    return built, common


def below_parents(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a page with children below the entry that they are part of, where both are on it. `depth`: how many rows a row is part of."""
    shown = {row["entry"].pk for row in rows}
    children: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        parent = row["entry"].parent_id
        children[parent if parent in shown else None].append(row)

    def walk(parent: str | None, depth: int) -> Iterator[dict[str, Any]]:
        for row in children[parent]:
            yield row | {"depth": depth}
            yield from walk(row["entry"].pk, depth + 1)

    return list(walk(None, 0))


def _row_context(page_request: PageRequest, holders: Iterable[str], common: Sequence[Check]) -> RowContext:
    held = Entry.objects.filter(workspace=page_request.workspace, pk__in=list(holders)).annotate(since=Min("locks__acquired_at"))
    holding = list(held.values_list("pk", "seq", "since"))
    names = {pk: labels.Link(f"#{seq}", reverse("entry", args=[page_request.workspace.pk, pk])) for pk, seq, _ in holding}
    paused = any(check.code in (Reason.EXECUTOR_PAUSED, Reason.EXECUTOR_STOPPED) for check in common)
    return RowContext(
        names,
        {pk: since for pk, _, since in holding},
        page_request.executor.changed_at if paused else None,
        page_request.open_agents,
    )


def _row(
    entry: Entry,
    explanation: Explanation | None,
    needs: list[Entry],
    session: OpenSession | None,
    context: RowContext,
    own_first: bool,
) -> dict[str, Any]:
    failing = [check for check in explanation.checks if not check.passed] if explanation else []
    own = next((check for check in failing if not check.common), None)
    first = (own if own_first else None) or (explanation.why if explanation else None)
    account, code = entry.account, first.code if first else ""
    chip = "" if session or entry.status == Entry.Status.DONE or not code else reasons.label(code)
    why = sentence(entry, first, session, needs, context.names)
    stands_above = own_first and first is not None and first.common
    return {
        "entry": entry,
        "account": account,
        "badge": _badge(entry, explanation, session, context),
        "why": why,
        "chip": chip,
        "detail": [] if chip and (stands_above or _repeats(chip, code, why)) else why,
        "code": code,
        "since": _since(entry, first, session, context),
        "more": max(len(failing) - 1, 0),
        "more_reasons": [
            sentence(entry, check, None, needs, context.names)
            for check in failing
            if first and check.message != first.message and not (own_first and check.common)
        ],
        "needs": needs,
        "needs_done": sum(1 for other in needs if other.status == Entry.Status.DONE),
        "session": session,
        "use": Use(account.spent, account.held, account.budget),
    }


def _badge(entry: Entry, explanation: Explanation | None, session: OpenSession | None, context: RowContext) -> str:
    if _lands(entry, session):
        return "landing"
    why = explanation.why if explanation else None
    return entry_state.badge(
        entry, asks=why is not None and why.code == Reason.WAITING_FOR_ANSWER, open_agents=context.open_agents
    )


def sentence(
    entry: Entry, check: Check | None, session: OpenSession | None, needs: Sequence[Entry], names: Mapping[str, labels.Link]
) -> Pieces:
    """The state of an entry in one sentence: its failing check, or the phase of its session."""
    if session is not None:
        round_ = f", round {session.round_number}" if session.round_number else ""
        candidates = f", {session.several} candidates at work" if session.several > 1 else ""
        return [(f"{labels.PHASES[session.phase]}{round_}{candidates}", "")]
    if entry.status == Entry.Status.DONE:
        return []
    if _lands(entry, session):
        return [("Verified: it waits for its ", ""), ("landing", reverse("landing", args=[entry.workspace_id]))]
    if entry.is_container and entry.status == Entry.Status.IN_PROGRESS:
        return [("Its children are at work", f"{reverse('entry', args=[entry.workspace_id, entry.pk])}?tab=children")]
    if check and check.code in _ABOUT_NEEDS:
        status, words = _ABOUT_NEEDS[check.code]
        stand = [need for need in needs if need.status == status or (not status and need.status != Entry.Status.DONE)]
        links = [(f"#{need.seq}", reverse("entry", args=[need.workspace_id, need.pk])) for need in stand]
        if links:
            return labels.listed(words, links)
    if check and check.code in _IN_REVIEW:
        stop = "" if check.message.endswith(("?", ".")) else "."
        return [(f"{check.message}{stop} ", ""), remedies.link(entry, reasons.WORDS[Reason(check.code)].remedy)]
    if check:
        return labels.linked(check.message or entry.reason_message or reasons.plain(check.code), names)
    if entry.status == Entry.Status.PENDING:
        return [("Ready: starts in the next cycle", "")]
    return [(entry.reason_message or "Between two phases", "")]


def _repeats(chip: str, code: str, why: Pieces) -> bool:
    """True if the sentence has no more than the chip's words, or the code's."""
    words = "".join(text for text, _ in why).strip(" .").casefold()
    return words in (chip.casefold(), reasons.plain(code).casefold())


def _lands(entry: Entry, session: OpenSession | None) -> bool:
    return entry.status == Entry.Status.IN_PROGRESS and session is None and not entry.is_container


def _since(entry: Entry, check: Check | None, session: OpenSession | None, context: RowContext) -> datetime | None:
    """Since when the reason holds, if known; else since the entry was created."""
    if session is not None:
        return session.claimed_at
    if entry.status == Entry.Status.DONE:
        return None
    if entry.reason_code or (check and check.code == Reason.FILES_LOCKED):
        return entry.reason_at or context.since.get(check.holder if check else "") or entry.updated_at
    if check and check.code in (Reason.EXECUTOR_PAUSED, Reason.EXECUTOR_STOPPED):
        return context.common_since or entry.created_at
    return entry.created_at
