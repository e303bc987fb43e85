"""The executor's controls: plain forms. Stopping asks twice, and the server checks that it was asked."""

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from orchestration import queries, sessions
from orchestration.executor import control, dispatch
from orchestration.models import Session
from orchestration.pages import wording
from orchestration.pages.scene import Scene, confirm, done, in_workspace
from workspaces import activity
from workspaces.access import Need

VERBS = {
    "start": (control.start, "The executor is running"),
    "pause": (control.pause, "Dispatch is paused; sessions at work go on"),
    "resume": (control.resume, "The executor is running again"),
}


@require_POST
@in_workspace(Need.OPERATE)
def steer(scene: Scene, verb: str) -> HttpResponse:
    act, sentence = VERBS[verb]
    act(scene.workspace.pk, by=scene.caller)
    return done(scene, sentence)


@require_POST
@in_workspace(Need.OPERATE)
def dispatch_now(scene: Scene) -> HttpResponse:
    """A cycle in this request. It overrides nothing: the answer says what stands in the way."""
    cycle = dispatch.cycle(scene.workspace.pk)
    activity.record(scene.workspace.pk, "executor.force_dispatch", by=scene.caller, object_id=scene.workspace.pk)
    found = queries.diagnostics(scene.workspace.pk)
    started = len(cycle.started)
    sentence = f"Started {started} {'session' if started == 1 else 'sessions'}." if started else "Nothing could start."
    if found["blockedReasons"]:
        sentence += f" In the way of the rest: {wording.reasons(found['blockedReasons'])}."
    return done(scene, sentence, tone="good" if started else "warn")


@require_http_methods(["GET", "POST"])
@in_workspace(Need.OPERATE)
def stop_all(scene: Scene) -> HttpResponse:
    if scene.request.POST.get("confirm") != "stop":
        return confirm(
            scene,
            title="Stop all",
            sentence=stop_sentence(Session.objects.filter(workspace=scene.workspace, status__in=Session.OPEN).count()),
            button="Stop all now",
            action=reverse("executor-stop", args=[scene.workspace.pk]),
            fields={"confirm": "stop"},
        )
    stopped = control.stop_all(scene.workspace.pk, by=scene.caller)
    sentence = f"Dispatch is off; {stopped} {'session was' if stopped == 1 else 'sessions were'} told to stop"
    return done(scene, sentence)


@require_http_methods(["GET", "POST"])
@in_workspace(Need.OPERATE)
def stop_session(scene: Scene, session_id: str) -> HttpResponse:
    session = queries.session_for(scene.workspace.pk, session_id)
    if scene.request.POST.get("confirm") != "stop":
        return confirm(
            scene,
            title=f"Stop the session on #{session.entry.seq}",
            sentence="Ends this session. Its work is committed, and the entry is held until someone releases it.",
            button="Stop this session",
            action=reverse("session-stop", args=[scene.workspace.pk, session.pk]),
            fields={"confirm": "stop"},
        )
    sessions.stop(scene.workspace.pk, session.pk, by=scene.caller)
    return done(scene, f"The session on #{session.entry.seq} was told to stop; the entry will be held")


def stop_sentence(at_work: int) -> str:
    if not at_work:
        return "No session is at work. Dispatch goes off until someone resumes it."
    ends = "Ends the session at work" if at_work == 1 else f"Ends all {at_work} sessions at work"
    return f"{ends} and turns dispatch off. Finished rounds and commits are kept; the entries go back in line."
