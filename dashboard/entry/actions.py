"""Actions on one entry: plain forms that call the same functions as the API."""

from collections.abc import Callable

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.shared import confirmation, resumed
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration.backlog import entries, entry_actions, entry_edits
from orchestration.edge import queries
from orchestration.models import Entry, Round
from workspaces.access import Need

VERBS: dict[str, tuple[Callable[..., Entry], str]] = {
    "hold": (entry_actions.put_on_hold, "is on hold until someone resumes it"),
    "release": (entry_actions.resume, "is back in line"),
    "done": (entry_actions.mark_done, "is marked done; nothing was merged"),
}


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, required=False)


class RoundsForm(forms.Form):
    rounds = forms.IntegerField(min_value=1, max_value=1000, error_messages={"required": "Write a number of rounds"})


class PriorityForm(forms.Form):
    priority = forms.ChoiceField(
        choices=[(name, name) for name in entries.PRIORITIES], error_messages={"invalid_choice": "Unknown priority"}
    )


class AssignForm(forms.Form):
    assigned_to = forms.CharField(max_length=200, required=False)


class ParallelForm(forms.Form):
    alone = forms.BooleanField(required=False)
    parallel_group = forms.CharField(max_length=100, required=False)


@require_POST
@in_workspace(Need.OPERATE)
def change_state(page_request: PageRequest, entry_id: str, verb: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    do, sentence = VERBS[verb]
    reason = validated(ReasonForm(page_request.request.POST))["reason"]
    if verb == "done" and _has_unlanded_work(entry) and not confirmation.is_confirmed(page_request, "entry-done", entry.pk):
        return _ask_what_becomes_of_the_work(page_request, entry, reason)
    do(entry, by=page_request.caller, reason=reason)
    blocked = resumed.sentence([entry.pk]) if verb == "release" else ""
    return done(
        page_request, f"#{entry.seq} {'is resumed' if blocked else sentence}{blocked}", tone="warn" if blocked else "good"
    )


def _has_unlanded_work(entry: Entry) -> bool:
    return entry.status != Entry.Status.DONE and Round.objects.filter(entry=entry).exclude(commit="").exists()


def _ask_what_becomes_of_the_work(page_request: PageRequest, entry: Entry, reason: str) -> HttpResponse:
    address = (page_request.workspace.pk, entry.pk)
    return confirm(
        page_request,
        title=f"Mark #{entry.seq} done without its work",
        sentence="It has work that has not landed. Landing verifies it first, without a new implementation; closing merges nothing, "
        "and entries that wait for it start without its work.",
        button="Close without landing",
        action=reverse("entry-act", args=[*address, "done"]),
        fields={"confirm": confirmation.token(page_request, "entry-done", entry.pk), "reason": reason},
        other=("Verify and land it", reverse("entry-reverify", args=address)),
    )


@require_POST
@in_workspace(Need.OPERATE)
def reverify(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = entry_actions.reverify(queries.entry_for(page_request.workspace.pk, entry_id), by=page_request.caller)
    return done(page_request, f"#{entry.seq} will be verified again without a new implementation")


@require_POST
@in_workspace(Need.OPERATE)
def set_rounds(page_request: PageRequest, entry_id: str) -> HttpResponse:
    rounds = validated(RoundsForm(page_request.request.POST))["rounds"]
    entry = entry_edits.set_rounds(queries.entry_for(page_request.workspace.pk, entry_id), rounds, by=page_request.caller)
    return done(page_request, f"#{entry.seq} may make {rounds} {'round' if rounds == 1 else 'rounds'}")


@require_POST
@in_workspace(Need.OPERATE)
def set_field(page_request: PageRequest, entry_id: str, what: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    return done(page_request, f"#{entry.seq} {SETTERS[what](page_request, entry)}")


def _set_priority(page_request: PageRequest, entry: Entry) -> str:
    name = validated(PriorityForm(page_request.request.POST))["priority"]
    entry_actions.set_priority(entry, entries.PRIORITIES[name], by=page_request.caller)
    return f"has {name} priority"


def _assign(page_request: PageRequest, entry: Entry) -> str:
    who = validated(AssignForm(page_request.request.POST))["assigned_to"].strip()
    entry_edits.assign(entry, who, by=page_request.caller)
    return f"is assigned to {who}" if who else "is unassigned"


def _set_parallel(page_request: PageRequest, entry: Entry) -> str:
    form_data = validated(ParallelForm(page_request.request.POST))
    group = form_data["parallel_group"].strip()
    entry_edits.set_parallel(entry, parallelizable=not form_data["alone"], parallel_group=group, by=page_request.caller)
    if not form_data["alone"]:
        return "may run in parallel with others"
    return f"runs alone among those of the group {group}" if group else "runs alone in its workspace"


SETTERS: dict[str, Callable[[PageRequest, Entry], str]] = {
    "priority": _set_priority,
    "assign": _assign,
    "parallel": _set_parallel,
}
