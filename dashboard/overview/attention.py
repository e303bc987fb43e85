"""The attention list: problems that only a person can resolve."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, Q
from django.db.models.functions import Substr
from django.urls import reverse
from django.utils.timezone import now

from dashboard.shared import fragments, header
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import remedies
from orchestration.backlog.rules import status_groups
from orchestration.dialogue import reads as dialogue
from orchestration.facts import reasons
from orchestration.facts.reasons import Reason
from orchestration.models import Entry
from orchestration.proposals import reads
from workspaces.access import Need

MAX_ITEMS = 5
MAX_OPENING = 400
"""Characters of an entry's content in which its title stands."""
SILENT_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Item:
    """One item: `pieces` are (text, URL); `at`: since when."""

    tone: str
    symbol: str
    pieces: list[tuple[str, str]]
    at: datetime | None
    action: str
    link: str
    posts_to: str = ""
    """An action that a form carries out, instead of the link."""
    is_alert: bool = False
    """On the other pages the banner says it: it is announced, and shows in the icon of the tab."""


@dataclass
class Summary:
    """The first items, and whether there are others."""

    shown: list[Item] = field(default_factory=list)
    more: bool = False


def load(page_request: PageRequest, *, stuck: int, unfunded: int, asked: int) -> Summary:
    """`stuck`: number of entries that failed or are blocked for a reason that needs a person; `unfunded`: number of entries blocked because the plan
    or the cap is exhausted; `asked`: number of unanswered questions. Four queries at most, whatever the size of the backlog."""
    shown = _stuck(page_request) if stuck else []
    unmoved = [
        *(_questions(page_request) if asked else []),
        *_proposals(page_request),
        *_unfunded(page_request, unfunded),
        *_silent(page_request),
        *_orphans(page_request),
    ]
    items = [*_alerts(page_request), *unmoved, *shown]
    return Summary(items[:MAX_ITEMS], len(items) > MAX_ITEMS)


def _questions(page_request: PageRequest) -> list[Item]:
    """The questions of agents, oldest first: each entry waits for the answer."""
    items = []
    for question in dialogue.unanswered([page_request.workspace.pk], limit=MAX_ITEMS + 1):
        here = reverse("entry", args=[question.workspace_id, question.entry_id])
        pieces = [(f"#{question.seq} {question.title}", here), (f" asks: {question.text[:200]}", "")]
        items.append(Item("warn", "warn", pieces, question.since, "Answer", f"{here}?tab=talk#question-{question.question_id}"))
    return items


def _proposals(page_request: PageRequest) -> list[Item]:
    """Proposals of agents that nobody has decided on: those of one run by its page, others by the list of runs."""
    runs = reads.undecided(page_request.workspace.pk) if page_request.may(Need.OPERATE) else {}
    if not runs:
        return []
    count, at = sum(runs.values()), [page_request.workspace.pk]
    words = "A proposal of an agent waits" if count == 1 else f"{count} proposals of agents wait"
    link = reverse("run", args=[*at, *runs]) if len(runs) == 1 else f"{reverse('goal', args=at)}#runs-h"
    return [Item("warn", "warn", [(f"{words} for your decision", "")], None, "View", link)]


def _stuck(page_request: PageRequest) -> list[Item]:
    """One item for entries with the same reason: one decision. Failed ones come first, then the reason that was given last. One query: the aggregates of a reason that
    one entry has are that entry's columns."""
    alive = Entry.objects.filter(workspace=page_request.workspace, deleted_at__isnull=True)
    entries = alive.filter(Q(status=Entry.Status.FAILED) | status_groups.STUCK).order_by()
    grouped = entries.values("status", "reason_code", "workspace_id").annotate(
        n=Count("pk"),
        id=Max("pk"),
        seq=Max("seq"),
        content=Max(Substr("content", 1, MAX_OPENING)),
        reason_message=Max("reason_message"),
        reason_at=Max("reason_at"),
    )
    groups = sorted(grouped, key=_urgency, reverse=True)
    return [_entry_or_group(page_request, **group) for group in groups[: MAX_ITEMS + 1]]


def _urgency(group: Any) -> tuple[bool, bool, Any]:
    """Failed entries come before blocked ones, and the newest first."""
    return group["status"] == Entry.Status.FAILED, group["reason_at"] is not None, group["reason_at"]


def _entry_or_group(page_request: PageRequest, n: int, **columns: Any) -> Item:
    entry = Entry(**columns)
    return _entry(entry) if n == 1 else _group(page_request, n, entry)


def _group(page_request: PageRequest, n: int, example: Entry) -> Item:
    """`example`: the status and the reason of all."""
    at, code = [page_request.workspace.pk], example.reason_code
    filters = {"reason": code} if example.status == Entry.Status.PENDING else {"status": example.status, "reason": code}
    here = f"{reverse('entries', args=at)}?{urlencode(filters)}"
    tone, symbol = ("bad", "failed") if example.status == Entry.Status.FAILED else ("block", "blocked")
    words = reasons.words(code)
    pieces = [(f"{n} entries", here), (f" are {words.group if words else example.status}", "")]
    if code == Reason.ROUNDS_EXHAUSTED and page_request.may(Need.OPERATE):
        return Item(tone, symbol, pieces, example.reason_at, "Raise all by 1", here, reverse("entries-more-rounds", args=at))
    return Item(tone, symbol, pieces, example.reason_at, "Decide", here)


def _entry(entry: Entry) -> Item:
    here = reverse("entry", args=[entry.workspace_id, entry.pk])
    failed = entry.status == Entry.Status.FAILED
    why = entry.reason_message or ("It failed" if failed else "It is blocked")
    tone, symbol = ("bad", "failed") if failed else ("block", "blocked")
    if entry.reason_code in reasons.OUT_OF_LINE:
        tone, symbol = "warn", "warn"
    words = reasons.words(entry.reason_code)
    action, link = remedies.link(entry, words.remedy) if words and words.needs_person else ("View entry", here)
    pieces = [(f"#{entry.seq} {entry.title}", here), (f" · {why}", "")]
    return Item(tone, symbol, pieces, entry.reason_at, action, here if failed else link)


def _unfunded(page_request: PageRequest, count: int) -> list[Item]:
    """One item for all of them: one fix resolves them all."""
    if not count:
        return []
    here = f"{reverse('entries', args=[page_request.workspace.pk])}?reason={Reason.PROJECT_BUDGET_EXCEEDED}"
    named = ("1 entry has" if count == 1 else f"{count} entries have", here)
    words = " no money: nothing is left under the cap or in the total budget"
    link = f"{reverse('budget', args=[page_request.workspace.pk])}#caps-h"
    return [Item("block", "blocked", [named, (words, "")], None, "View budget", link)]


def _silent(page_request: PageRequest) -> list[Item]:
    long_ago = now() - SILENT_AFTER
    items = []
    for session in fragments.open_sessions(page_request):
        if session.last_output_at is not None and session.last_output_at < long_ago:
            here = reverse("session", args=[page_request.workspace.pk, session.pk])
            named = (f"The session on #{session.entry.seq} {session.entry.title}", here)
            items.append(Item("warn", "warn", [named, (" is quiet", "")], session.last_output_at, "View log", here))
    return items


def _orphans(page_request: PageRequest) -> list[Item]:
    count = page_request.counted("orphans")
    if not count:
        return []
    words = "A path is locked by an idle entry" if count == 1 else f"{count} paths are locked by idle entries"
    link = f"{reverse('locks', args=[page_request.workspace.pk])}?state=orphan"
    return [Item("warn", "locked", [(words, "")], None, "Release", link)]


def _alerts(page_request: PageRequest) -> list[Item]:
    """The alerts of the banner, and an open circuit breaker, so that the list is empty only where no banner asks for a person."""
    symbols = {"bad": "failed", "warn": "warn", "odd": "unknown"}
    items = [
        Item(alert.tone, symbols[alert.tone], [(alert.sentence, "")], None, alert.words, alert.link, is_alert=True)
        for alert in header.alerts_of(page_request)
    ]
    executor = page_request.executor
    if executor.repository_code:
        words = f"Nothing can start. {executor.repository_message}"
        link = reverse("executor-page", args=[page_request.workspace.pk])
        items.append(Item("bad", "failed", [(words, "")], executor.repository_since, "View executor", link))
    if standstill := page_request.agents.standstill:
        words = f"Agents cannot run. {standstill.message}"
        link = reverse("agent", args=[page_request.workspace.pk])
        items.append(Item("bad", "failed", [(words, "")], standstill.since, "View agents", link))
    if (problem := page_request.agent_problem) and not standstill:
        link, words = reverse("agent", args=[page_request.workspace.pk]), f"The agent cannot start. {problem}"
        items.append(Item("bad", "failed", [(words, "")], executor.workspace.agent_check.at, "View agents", link))
    return items
