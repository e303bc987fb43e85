"""The executor's controls: plain forms. Stop and kill need a confirmation token (dashboard/shared/confirmation.py)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.shared import confirmation, stop_progress
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import Undo, confirm, done
from dashboard.shared.texts import labels
from orchestration import sessions
from orchestration.edge import queries
from orchestration.executor import control, dispatch
from orchestration.executor.control import Outdated
from orchestration.facts import events, reasons
from orchestration.models import Executor, Session
from workspaces import activity
from workspaces.access import Need
from workspaces.errors import Conflict, NotFound

VERBS = {
    "start": (control.start, "The executor is running", "pause"),
    "pause": (control.pause, "Dispatch is paused; running sessions continue", "resume"),
    "resume": (control.resume, "The executor is running again", "pause"),
}
STATES = {"running": "it is now running", "paused": "it is now paused", "stopped": "it has not been started"}


class VersionForm(forms.Form):
    """The version that the page showed. None: do not check for concurrent changes."""

    version = forms.IntegerField(required=False, min_value=0, max_value=2**62)


@require_POST
@in_workspace(Need.OPERATE)
def change_state(page_request: PageRequest, verb: str) -> HttpResponse:
    """Start, pause or resume, with the version that the page showed. Raises Conflict if the executor changed since."""
    act, sentence, back = VERBS[verb]
    seen = validated(VersionForm(page_request.request.POST))["version"]
    try:
        act(page_request.workspace.pk, by=page_request.caller, expected=seen)
    except Outdated as outdated:
        raise Conflict(_outdated(outdated.now)) from None
    executor = queries.executor_for(page_request.workspace.pk)
    undo = Undo("Undo", reverse("executor", args=[page_request.workspace.pk, back]), {"version": executor.version})
    return done(page_request, sentence, undo=undo)


def _outdated(executor: Executor) -> str:
    ago = labels.duration(now() - executor.changed_at) if executor.changed_at else ""
    who = f"{executor.changed_by or 'Someone'} changed the executor {ago} ago".replace("  ", " ")
    return f"{who}: {STATES[executor.state]}. No action was taken; check the state and decide"


@require_POST
@in_workspace(Need.OPERATE)
def dispatch_now(page_request: PageRequest) -> HttpResponse:
    """Run a cycle in this request. It overrides no check: the result names what blocks the other entries."""
    cycle = dispatch.cycle(page_request.workspace.pk)
    workspace_id = page_request.workspace.pk
    activity.record(workspace_id, events.DispatchForced(), by=page_request.caller, object_id=workspace_id)
    diagnostics = queries.diagnostics(page_request.workspace.pk)
    started = len(cycle.started)
    sentence = f"Started {started} {'session' if started == 1 else 'sessions'}." if started else "No session could start."
    if diagnostics["blockedReasons"]:
        sentence += f" Not started: {reasons.list_sentence(diagnostics['blockedReasons'])}."
    return done(page_request, sentence, tone="good" if started else "warn")


@require_http_methods(["GET", "POST"])
@in_workspace(Need.OPERATE)
def stop_all(page_request: PageRequest) -> HttpResponse:
    """Runs whatever changed since the confirmation, as long as there is something to stop: an emergency needs no second confirmation.
    If someone else has already stopped everything, it names them and changes nothing."""
    if page_request.request.method == "GET" or not confirmation.is_confirmed(page_request, "stop-all"):
        return confirm(
            page_request,
            title="Stop all",
            sentence=stop_sentence(Session.of_any_role.filter(workspace=page_request.workspace, status__in=Session.OPEN).count()),
            button="Stop all now",
            action=reverse("executor-stop", args=[page_request.workspace.pk]),
            fields={"confirm": confirmation.token(page_request, "stop-all")},
            status=409 if page_request.request.method == "POST" else 0,
        )
    acknowledged = stop_progress.load(page_request)
    if acknowledged is not None and acknowledged.all_asked and acknowledged.by != page_request.caller.name:
        raise Conflict(f"{acknowledged.by} has already stopped everything: {acknowledged.summary}. No further action was taken")
    open_now = control.stop_all(page_request.workspace.pk, by=page_request.caller)
    if not open_now:
        return done(page_request, "Dispatch is off; no session was running")
    request_sentence = "1 session was asked to stop" if open_now == 1 else f"{open_now} sessions were asked to stop"
    return done(
        page_request,
        f"Dispatch is off; {request_sentence}. Each is listed at the top until its processes have ended",
        tone="warn",
    )


@require_http_methods(["GET", "POST"])
@in_workspace(Need.OPERATE)
def stop_session(page_request: PageRequest, session_id: str) -> HttpResponse:
    session = queries.session_for(page_request.workspace.pk, session_id)
    if page_request.request.method == "GET" or not confirmation.is_confirmed(page_request, "stop-session", session.pk):
        return confirm(
            page_request,
            title=f"Stop the session on #{session.entry.seq}",
            sentence="Ends this session. Its work is committed, and the entry is on hold until someone resumes it.",
            button="Stop this session",
            action=reverse("session-stop", args=[page_request.workspace.pk, session.pk]),
            fields={"confirm": confirmation.token(page_request, "stop-session", session.pk)},
            status=409 if page_request.request.method == "POST" else 0,
        )
    with _still_open(session):
        sessions.stop(page_request.workspace.pk, session.pk, by=page_request.caller)
    return done(page_request, f"The session on #{session.entry.seq} is stopping; the entry will be on hold")


@require_http_methods(["GET", "POST"])
@in_workspace(Need.OPERATE)
def kill_session(page_request: PageRequest, session_id: str) -> HttpResponse:
    """For a session that does not end after a stop request: its worker or the reaper kills its processes now."""
    session = queries.session_for(page_request.workspace.pk, session_id)
    if page_request.request.method == "GET" or not confirmation.is_confirmed(page_request, "kill-session", session.pk):
        return confirm(
            page_request,
            title=f"Kill the session on #{session.entry.seq}",
            sentence="Its processes are killed without a grace period. Its changes are committed if the host still can; a request that is "
            "in flight is charged at its reservation.",
            button="Kill it now",
            action=reverse("session-kill", args=[page_request.workspace.pk, session.pk]),
            fields={"confirm": confirmation.token(page_request, "kill-session", session.pk)},
            status=409 if page_request.request.method == "POST" else 0,
        )
    with _still_open(session):
        sessions.kill(page_request.workspace.pk, session.pk, by=page_request.caller)
    return done(page_request, f"The session on #{session.entry.seq} is being killed", tone="warn")


@contextmanager
def _still_open(session: Session) -> Iterator[None]:
    """Turn NotFound into Conflict: the session may end between the confirmation and the action."""
    try:
        yield
    except NotFound:
        raise Conflict(f"The session on #{session.entry.seq} has already ended: there was nothing to stop") from None


def stop_sentence(at_work: int) -> str:
    if not at_work:
        return "No session is running. Dispatch turns off until someone resumes it."
    ends = "Ends the running session" if at_work == 1 else f"Ends all {at_work} running sessions"
    sentence = f"{ends} and turns dispatch off. Finished rounds and commits are kept; the entries go back in line. "
    return f"{sentence}Each session is listed until its processes have ended."
