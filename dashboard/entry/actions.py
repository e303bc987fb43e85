"""What a person may do to one entry: plain forms, each by the verb of the backlog that the API uses too."""

from collections.abc import Callable

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import ReasonForm, RoundsForm, checked
from dashboard.shared.page_request import Scene
from dashboard.shared.responses import done
from orchestration import queries
from orchestration.backlog import entries, entry_actions, entry_edits
from orchestration.executor import explain
from orchestration.models import Entry
from workspaces.access import Need

VERBS: dict[str, tuple[Callable[..., Entry], str]] = {
    "hold": (entry_actions.hold, "is held back until someone releases it"),
    "release": (entry_actions.release, "is back in line"),
    "done": (entry_actions.mark_done, "is marked done; nothing was merged"),
}


class PriorityForm(forms.Form):
    priority = forms.ChoiceField(
        choices=[(name, name) for name in entries.PRIORITIES], error_messages={"invalid_choice": "There is no such priority"}
    )


class AssignForm(forms.Form):
    assigned_to = forms.CharField(max_length=200, required=False)


class BesideForm(forms.Form):
    alone = forms.BooleanField(required=False)
    parallel_group = forms.CharField(max_length=100, required=False)


@require_POST
@in_workspace(Need.OPERATE)
def act(scene: Scene, entry_id: str, verb: str) -> HttpResponse:
    entry = queries.entry_for(scene.workspace.pk, entry_id)
    do, sentence = VERBS[verb]
    do(entry, by=scene.caller, reason=checked(ReasonForm(scene.request.POST))["reason"])
    found = explain.reasons(scene.workspace.pk, [entry.pk]).get(entry.pk) if verb == "release" else None
    if found is not None and found.why is not None and found.why.blocks:
        return done(scene, f"#{entry.seq} {sentence}, and will be blocked again: {found.why.message}", tone="warn")
    return done(scene, f"#{entry.seq} {sentence}")


@require_POST
@in_workspace(Need.OPERATE)
def reverify(scene: Scene, entry_id: str) -> HttpResponse:
    entry = entry_actions.reverify(queries.entry_for(scene.workspace.pk, entry_id), by=scene.caller)
    return done(scene, f"#{entry.seq} will be verified again, without implementing")


@require_POST
@in_workspace(Need.OPERATE)
def set_rounds(scene: Scene, entry_id: str) -> HttpResponse:
    wanted = checked(RoundsForm(scene.request.POST))["rounds"]
    entry = entry_edits.set_rounds(queries.entry_for(scene.workspace.pk, entry_id), wanted, by=scene.caller)
    return done(scene, f"#{entry.seq} may make {wanted} {'round' if wanted == 1 else 'rounds'}")


@require_POST
@in_workspace(Need.OPERATE)
def set_one(scene: Scene, entry_id: str, what: str) -> HttpResponse:
    entry = queries.entry_for(scene.workspace.pk, entry_id)
    return done(scene, f"#{entry.seq} {SETTERS[what](scene, entry)}")


def _priority(scene: Scene, entry: Entry) -> str:
    wanted = checked(PriorityForm(scene.request.POST))["priority"]
    entry_actions.set_priority(entry, entries.PRIORITIES[wanted], by=scene.caller)
    return f"has {wanted} priority"


def _assign(scene: Scene, entry: Entry) -> str:
    who = checked(AssignForm(scene.request.POST))["assigned_to"].strip()
    entry_edits.assign(entry, who, by=scene.caller)
    return f"is assigned to {who}" if who else "is assigned to nobody"


def _beside(scene: Scene, entry: Entry) -> str:
    said = checked(BesideForm(scene.request.POST))
    group = said["parallel_group"].strip()
    entry_edits.set_parallel(entry, parallelizable=not said["alone"], parallel_group=group, by=scene.caller)
    if not said["alone"]:
        return "may run beside others"
    return f"runs alone among those of the group {group}" if group else "runs alone in its workspace"


SETTERS: dict[str, Callable[[Scene, Entry], str]] = {"priority": _priority, "assign": _assign, "beside": _beside}
