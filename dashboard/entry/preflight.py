"""The executor's checks for this entry, run now; and an immediate cycle if all pass.

The rows are the checks of `executor.plan`, in its order. No check can be skipped here.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import RequiredReasonForm, validated
from dashboard.shared.fragments import entry_links
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import done
from dashboard.shared.texts import labels, remedies
from orchestration.edge import queries
from orchestration.executor import dispatch, explain
from orchestration.executor.plan import Check, Start
from orchestration.facts import events, reasons
from orchestration.facts.reasons import Reason
from orchestration.models import Entry, Session
from workspaces import activity
from workspaces.access import Need
from workspaces.errors import Conflict

# The checks by their place in `plan.checks`: two of them can give the same reason.
NAMES = (
    *(
        "Not on hold",
        "Dependencies",
        "Not asked how to split it",
        "No unanswered question",
        "Rounds",
        "Entry budget",
        "Executor",
        "Worker online",
        "Host",
        "Repository",
    ),
    *(
        "Agent and provider",
        "Integration branch",
        "Project cap and limits",
        "File locks",
        "Concurrency",
        "Free worker",
        "Free slot on a host",
    ),
)
RELEASE = reasons.WORDS[Reason.HUMAN_HOLD].remedy


@dataclass(frozen=True)
class Row:
    """`fix`: where the reason can be resolved, as (words, URL)."""

    check: Check
    name: str
    observed: list[tuple[str, str]]
    fix: tuple[str, str] | None = None


@require_safe
@in_workspace()
def page(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    regions = HEADER | {"preflight": Region("entry/preflight.html#preflight", lambda page_request: checks(page_request, entry))}
    return render_page(page_request, "entry/preflight.html", regions, entry=entry)


def checks(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """Five queries at most."""
    explanation = explain.reasons(page_request.workspace.pk, [entry.pk]).get(entry.pk)
    entry_checks = explanation.checks if explanation else []
    names = entry_links(page_request, {check.holder for check in entry_checks if check.holder})
    rows = [
        _row(page_request, entry, check, name, names)
        for check, name in zip(entry_checks, NAMES if entry_checks else (), strict=True)
    ]
    return {
        "entry": entry,
        "preflight": rows,
        "failing": sum(1 for row in rows if not row.check.passed),
        "checked_at": now(),
        "passes": explanation is not None and explanation.why is None,
    }


def _row(page_request: PageRequest, entry: Entry, check: Check, name: str, names: dict[str, labels.Link]) -> Row:
    return Row(
        check, name, labels.linked(check.observed, names), None if check.passed else _fix(page_request, entry, check, names)
    )


def _fix(page_request: PageRequest, entry: Entry, check: Check, names: dict[str, labels.Link]) -> tuple[str, str]:
    """The button and the address where a person can act on a failing check."""
    if check.holder in names:
        return f"See {names[check.holder].text}", names[check.holder].url
    words = reasons.words(check.code)
    return remedies.link(entry, words.remedy if words else RELEASE)


@require_POST
@in_workspace(Need.OPERATE)
def dispatch_entry(page_request: PageRequest, entry_id: str) -> HttpResponse:
    """Run a cycle of the workspace in this request. Raises Conflict if one of the entry's checks fails."""
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    reason = validated(RequiredReasonForm(page_request.request.POST))["reason"]
    _refuse(entry, explain.reasons(page_request.workspace.pk, [entry.pk]).get(entry.pk))
    cycle = dispatch.cycle(page_request.workspace.pk)
    others = sum(1 for start in cycle.started if start.entry.id != entry.pk)
    session = Session.objects.filter(entry=entry, status__in=Session.OPEN).first()
    event = events.EntryDispatchRequested(others=others, session=session.pk if session else None)
    activity.record(page_request.workspace.pk, event, by=page_request.caller, object_id=entry.pk, reason=reason)
    more = _others_sentence(others)
    if session is None:
        own = next(
            (decision for decision in cycle.decisions if decision.entry.id == entry.pk and not isinstance(decision, Start)), None
        )
        why = own.why.message if own is not None and not isinstance(own, Start) else "Other entries were ahead in line"
        return done(page_request, f"#{entry.seq} was not started: {why.rstrip('.')}.{more}", tone="warn")
    url = reverse("session", args=[page_request.workspace.pk, session.pk])
    number = entry.rounds.count() + 1
    sentence = format_html(
        'Dispatched #{} to <a href="{}">session {}</a> as round {}.{}', entry.seq, url, session.pk[-6:], number, more
    )
    return done(page_request, sentence)


def _others_sentence(n: int) -> str:
    return "" if not n else f" The same cycle started {n} other {'entry' if n == 1 else 'entries'}."


def _refuse(entry: Entry, explanation: explain.Explanation | None) -> None:
    if explanation is None:
        raise Conflict(f"#{entry.seq} is {entry.get_status_display().lower()}: there is nothing to dispatch")
    if explanation.why is not None:
        raise Conflict(
            f"#{entry.seq} was not dispatched: {explanation.why.message or explanation.why.observed}. Nothing was overridden"
        )
