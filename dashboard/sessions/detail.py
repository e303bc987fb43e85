"""The page of one session: state, facts and log while it runs; its result and events afterwards."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from budget import amounts
from budget.reads import queries as budget
from dashboard.budget import by_entry
from dashboard.sessions import log_page, requests, rows
from dashboard.shared.charts import phasebar, phases
from dashboard.shared.charts.swimlanes import Bar
from dashboard.shared.decorators import in_workspace
from dashboard.shared.fragments import entry_links
from dashboard.shared.header import HEADER
from dashboard.shared.lists.head import first_of
from dashboard.shared.page_request import PageRequest, Region, render_page
from dashboard.shared.responses import done
from dashboard.shared.texts import event_text, labels
from orchestration import configuration, sessions
from orchestration.dialogue import texts
from orchestration.edge import queries
from orchestration.models import FileLock, Round, Session
from orchestration.sessions import tracing
from orchestration.sessions.doubts import spend_doubts
from orchestration.sessions.tracing import phase_history
from workspaces.access import Need
from workspaces.errors import Conflict
from workspaces.models import Event

MAX_LOCKS = 30
MAX_EVENTS = 200


@in_workspace()
def page(page_request: PageRequest, session_id: str) -> HttpResponse:
    session = queries.session_for(page_request.workspace.pk, session_id)
    where = page_request.request.GET.get("tab", "")
    if where == "log":
        return HttpResponseRedirect(reverse("session-log", args=[page_request.workspace.pk, session.pk]))
    regions = HEADER | {"head": Region("sessions/session.html#head", lambda page_request: head(page_request, session))}
    if where == "events":
        regions["events"] = Region("sessions/session.html#events", lambda page_request: events(page_request, session))
    elif where == "requests":
        template = "sessions/requests.html#requests"
        regions["requests"] = Region(template, lambda page_request: requests.context(page_request, session))
    else:
        regions["facts"] = Region("sessions/session.html#facts", lambda page_request: facts(page_request, session))
        regions |= log_page.regions(page_request, session)
    shown = where if where in ("events", "requests") else "summary"
    context = log_page.log_context(page_request, session) | {"where": shown, "max_chars": texts.MAX_CHARS}
    return render_page(page_request, "sessions/session.html", regions, **context)


@require_POST
@in_workspace(Need.OPERATE)
def hold_after(page_request: PageRequest, session_id: str) -> HttpResponse:
    """Put its entry on hold after the round, or (`hold=0`) cancel that."""
    session = queries.session_for(page_request.workspace.pk, session_id)
    if session.status == Session.Status.ENDED:
        raise Conflict(f"The session on #{session.entry.seq} has ended: put its entry on hold on the entry's page")
    on_hold = page_request.request.POST.get("hold") != "0"
    sessions.hold_after(page_request.workspace.pk, session.pk, by=page_request.caller, requested=on_hold)
    then = "will be on hold after this round" if on_hold else "continues after this round"
    return done(page_request, f"#{session.entry.seq} {then}")


@require_POST
@in_workspace(Need.BUDGET)
def answer_spend(page_request: PageRequest, session_id: str) -> HttpResponse:
    """Say whether what its agent reported beyond its reservation is true."""
    session, form = queries.session_for(page_request.workspace.pk, session_id), page_request.request.POST
    is_true = form.get("is_true") == "1"
    reason = form.get("reason", "").strip()[:400] or ("" if is_true else f"{page_request.caller.name} says so")
    corrected = spend_doubts.answer(session, is_true=is_true, by=page_request.caller, reason=reason)
    sentence = "The spend stays booked as reported" if is_true else f"{amounts.format_usd(-corrected)} is taken back"
    return done(page_request, f"{sentence}: its agent goes on")


def head(page_request: PageRequest, session: Session) -> dict[str, Any]:
    """State, steps, time, cost, tokens."""
    row = rows.build_row(session, configuration.load(page_request.executor.config), now())
    doubt = spend_doubts.of_hold(session.hold) if session.doubt == Session.Doubt.OPEN and session.hold else None
    return {
        "doubt": doubt,
        "promise": requests.promise(page_request, session),
        "row": row,
        "over": row.over,
        "phase": labels.PHASES[session.phase],
        "spend": budget.session_spend(session.pk),
    }


def facts(page_request: PageRequest, session: Session) -> dict[str, Any]:
    bars = _bars(session)
    until = session.ended_at or now()
    held = FileLock.objects.filter(entry=session.entry).order_by("path").values_list("path", flat=True)[: MAX_LOCKS + 1]
    locks = list(held)
    parent, parent_left = by_entry.parent_limit(page_request.project)
    account = session.entry.account
    trace = tracing.trace_id(session.pk) if settings.OTLP_ENDPOINT else ""
    return {
        "over": session.status == Session.Status.ENDED,
        "trace": trace,
        "trace_url": settings.TRACE_URL.replace("{trace_id}", trace) if trace else "",
        "bar": phasebar.draw(bars, until) if bars else "",
        "totals": [
            (phases.LETTERS.get(name, ""), phases.WORDS.get(name, name), took) for name, took in phasebar.totals(bars, until)
        ],
        "locks": locks[:MAX_LOCKS],
        "more_locks": len(locks) > MAX_LOCKS,
        "account": account,
        "hold_left": max(session.hold.amount - session.hold.drawn, 0) if session.hold else 0,
        "left": min(account.headroom, parent_left),
        "bound_by": parent if parent_left < account.headroom else "",
        "round": Round.of_any_candidate.filter(session=session).order_by("-number").first(),
    }


def events(page_request: PageRequest, session: Session) -> dict[str, Any]:
    """Events and phases of the session, newest first."""
    recorded = first_of(Event.objects.filter(workspace=page_request.workspace, object_id=session.pk).order_by("-id"), MAX_EVENTS)
    names = entry_links(page_request, {session.owner_id})
    items: list[dict[str, Any]] = [
        {
            "at": event.at,
            "actor": event.actor,
            "symbol": event_text.symbol(event.verb),
            "sentence": event_text.sentence(event.verb, event.data, names.get(session.owner_id)),
            "why": event.reason,
        }
        for event in recorded
    ]
    for span in phase_history.spans(session.phases, session.ended_at):
        words = f"began to {phases.WORDS.get(span.phase, span.phase)}"
        items.append({"at": span.start, "actor": "session", "symbol": "dot", "sentence": [(words, "")], "why": ""})
    happened = sorted(items, key=lambda item: item["at"], reverse=True)
    return {"happened": happened, "recorded": recorded, "over": session.status == Session.Status.ENDED}


def _bars(session: Session) -> list[Bar]:
    return [Bar(span.phase, span.start, span.end) for span in phase_history.spans(session.phases, session.ended_at)]
