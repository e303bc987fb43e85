"""Rows of entries with what each waits for, in the executor's own words. The same queries for ten and for five hundred."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, FilteredRelation, Min, Q, QuerySet
from django.urls import reverse

from budget.charts.bullet import Use
from dashboard.shared import labels
from dashboard.shared.page_request import PageRequest
from orchestration import reasons
from orchestration.executor import explain
from orchestration.executor.explain import Explanation
from orchestration.executor.plan import Check
from orchestration.models import Dependency, Entry, Session
from orchestration.reasons import Reason

# The status that the needed entries in the way have (empty: not done), and how the sentence begins.
_ABOUT_NEEDS: dict[str, tuple[str, str]] = {
    Reason.DEPENDENCIES_PENDING: ("", "Waiting for "),
    Reason.DEPENDENCY_FAILED: ("failed", "Needed, but failed: "),
}
Pieces = list[tuple[str, str]]


@dataclass(frozen=True)
class Beside:
    """What rows say of others: how entries are named, since when they lock, and since when the executor stands."""

    names: Mapping[str, labels.Link]
    since: Mapping[str, datetime | None]
    common_since: datetime | None


@dataclass(frozen=True)
class AtWork:
    """The open session of an entry, as far as a row says it."""

    pk: str
    phase: str
    round_number: int
    claimed_at: datetime


def with_sessions(found: QuerySet[Entry]) -> QuerySet[Entry]:
    """Entries with their open sessions, in the query that reads them."""
    joined = found.annotate(session_rel=FilteredRelation("sessions", condition=Q(sessions__status__in=Session.OPEN)))
    fields = ("id", "phase", "round_number", "claimed_at")
    return joined.annotate(**{f"at_work_{name}": F(f"session_rel__{name}") for name in fields})


def _sessions(entries: Sequence[Entry]) -> dict[str, AtWork]:
    """Of those that were read without, in one query."""
    ids = [entry.pk for entry in entries if not hasattr(entry, "at_work_id")]
    found = Session.objects.filter(entry_id__in=ids, status__in=Session.OPEN)
    known = {s.entry_id: AtWork(s.pk, s.phase, s.round_number, s.claimed_at) for s in found}
    for entry in entries:
        if id_ := getattr(entry, "at_work_id", None):
            rest = (getattr(entry, f"at_work_{name}") for name in ("phase", "round_number", "claimed_at"))
            known[entry.pk] = AtWork(id_, *rest)
    return known


def rows(page_request: PageRequest, entries: Sequence[Entry], *, own_first: bool = False) -> list[dict[str, Any]]:
    """The entries with their reasons, dependencies and sessions. `own_first`: what holds an entry alone is said before what holds all,
    for lists that say that once above."""
    return told(page_request, entries, own_first=own_first)[0]


def told(
    page_request: PageRequest, entries: Sequence[Entry], *, own_first: bool = False
) -> tuple[list[dict[str, Any]], list[Check]]:
    """The same, and the checks that fail for every entry alike."""
    ids = [entry.pk for entry in entries]
    explained, common = explain.reasons_and_common(
        page_request.workspace.pk, [entry.pk for entry in entries if entry.status != Entry.Status.DONE]
    )
    needs: dict[str, list[Entry]] = defaultdict(list)
    for link in Dependency.objects.filter(entry_id__in=ids).select_related("depends_on").order_by("depends_on__seq"):
        needs[link.entry_id].append(link.depends_on)
    sessions = _sessions(entries)
    holders = {check.holder for found in explained.values() for check in found.checks if check.holder}
    beside = _beside(page_request, holders, common)
    made = [_row(entry, explained.get(entry.pk), needs[entry.pk], sessions.get(entry.pk), beside, own_first) for entry in entries]
    return made, common


def _beside(page_request: PageRequest, holders: Iterable[str], common: Sequence[Check]) -> Beside:
    held = Entry.objects.filter(workspace=page_request.workspace, pk__in=list(holders)).annotate(since=Min("locks__acquired_at"))
    found = list(held.values_list("pk", "seq", "since"))
    names = {pk: labels.Link(f"#{seq}", reverse("entry", args=[page_request.workspace.pk, pk])) for pk, seq, _ in found}
    paused = any(check.code in (Reason.EXECUTOR_PAUSED, Reason.EXECUTOR_STOPPED) for check in common)
    return Beside(names, {pk: since for pk, _, since in found}, page_request.executor.changed_at if paused else None)


def _row(
    entry: Entry,
    found: Explanation | None,
    needs: list[Entry],
    session: AtWork | None,
    beside: Beside,
    own_first: bool,
) -> dict[str, Any]:
    failing = [check for check in found.checks if not check.passed] if found else []
    own = next((check for check in failing if not check.common), None)
    first = (own if own_first else None) or (found.why if found else None)
    ready = entry.status == Entry.Status.PENDING and found is not None and (own is None if own_first else found.why is None)
    account = entry.account
    return {
        "entry": entry,
        "account": account,
        "badge": "ready" if ready else "held" if entry.on_hold and own_first else entry.status,
        "why": sentence(entry, first, session, needs, beside.names),
        "code": first.code if first else "",
        "since": _since(entry, first, session, beside),
        "more": max(len(failing) - 1, 0),
        "rest": [
            sentence(entry, check, None, needs, beside.names)
            for check in failing
            if first and check.message != first.message and not (own_first and check.common)
        ],
        "needs": needs,
        "needs_done": sum(1 for other in needs if other.status == Entry.Status.DONE),
        "session": session,
        "use": Use(account.spent, account.held, account.budget),
    }


def sentence(
    entry: Entry, check: Check | None, session: AtWork | None, needs: Sequence[Entry], names: Mapping[str, labels.Link]
) -> Pieces:
    """One sentence on where an entry stands: a check that fails, or what is being done."""
    if session is not None:
        round_ = f", round {session.round_number}" if session.round_number else ""
        return [(f"{labels.PHASES[session.phase]}{round_}", "")]
    if entry.status == Entry.Status.DONE:
        return []
    if check and check.code in _ABOUT_NEEDS:
        status, words = _ABOUT_NEEDS[check.code]
        stand = [need for need in needs if need.status == status or (not status and need.status != Entry.Status.DONE)]
        links = [(f"#{need.seq}", reverse("entry", args=[need.workspace_id, need.pk])) for need in stand]
        if links:
            return labels.listed(words, links)
    if check:
        return labels.linked(check.message or entry.reason_message or reasons.plain(check.code), names)
    if entry.status == Entry.Status.PENDING:
        return [("Ready: starts in the next cycle", "")]
    return [(entry.reason_message or "Between two steps", "")]


def _since(entry: Entry, check: Check | None, session: AtWork | None, beside: Beside) -> datetime | None:
    """Since when the reason holds, as far as anything says so: else since it came onto the backlog."""
    if session is not None:
        return session.claimed_at
    if entry.status == Entry.Status.DONE:
        return None
    if entry.reason_code or (check and check.code == Reason.FILES_LOCKED):
        return entry.reason_at or beside.since.get(check.holder if check else "") or entry.updated_at
    if check and check.code in (Reason.EXECUTOR_PAUSED, Reason.EXECUTOR_STOPPED):
        return beside.common_since or entry.created_at
    return entry.created_at
