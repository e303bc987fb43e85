"""Stops all that is below an entry that is split: the sessions end, and what has not started waits on hold."""

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from dashboard.shared import confirmation
from dashboard.shared.decorators import in_workspace
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import confirm, done
from orchestration import sessions
from orchestration.backlog.tree import leaves
from orchestration.edge import queries
from orchestration.models import Entry, Session
from workspaces.access import Need
from workspaces.errors import Conflict

CONSEQUENCE = "Their work is committed, and all children that are not done are on hold until someone resumes them."


def open_below(entry: Entry) -> QuerySet[Session]:
    """The sessions at work below an entry."""
    return Session.objects.filter(entry__in=leaves.below([entry]), status__in=Session.OPEN)


def count_words(number: int) -> str:
    return "1 session" if number == 1 else f"{number} sessions"


@require_http_methods(["GET", "POST"])
@in_workspace(Need.OPERATE)
def stop(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    at_work = list(open_below(entry).values_list("pk", flat=True))
    if not at_work:
        raise Conflict(f"No session works below #{entry.seq}: there is nothing to stop")
    if page_request.request.method == "GET" or not confirmation.is_confirmed(page_request, "stop-children", entry.pk):
        return confirm(
            page_request,
            title=f"Stop the children of #{entry.seq}",
            sentence=f"Ends {count_words(len(at_work))}. {CONSEQUENCE}",
            button=f"Stop {count_words(len(at_work))}",
            action=reverse("entry-stop-children", args=[page_request.workspace.pk, entry.pk]),
            fields={"confirm": confirmation.token(page_request, "stop-children", entry.pk)},
            status=409 if page_request.request.method == "POST" else 0,
        )
    stopped = len(sessions.stop_entry(entry, by=page_request.caller))
    return done(page_request, f"{count_words(stopped)} below #{entry.seq} {'is' if stopped == 1 else 'are'} stopping")
