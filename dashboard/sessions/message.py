"""The form that writes to the agent of a session at work."""

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.entry.tabs.talk import TextForm
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration.dialogue import messages
from orchestration.edge import queries
from workspaces.access import Need


@require_POST
@in_workspace(Need.OPERATE)
def send(page_request: PageRequest, session_id: str) -> HttpResponse:
    session = queries.session_for(page_request.workspace.pk, session_id)
    text = validated(TextForm(page_request.request.POST))["text"]
    messages.send(session, text, by=page_request.caller)
    return done(page_request, f"The message waits for the agent of #{session.entry.seq}")
