"""The decision of a person about an issue that was edited after its entry was added."""

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration.edge import queries
from orchestration.triggers.issues import edits
from workspaces.access import Need


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(choices=[("take", ""), ("leave", "")])
    seen = forms.CharField(max_length=100)


@require_POST
@in_workspace(Need.OPERATE)
def decide(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    decision = validated(DecisionForm(page_request.request.POST))
    takes = decision["decision"] == "take"
    edits.decide(entry, seen=decision["seen"], takes=takes, by=page_request.caller)
    return done(page_request, f"#{entry.seq} {'has the new text of its issue' if takes else 'keeps its text'}")
