"""One round more for every entry that is out of rounds, and the way back."""

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.entries.bulk_actions import entries_
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import Undo, done
from orchestration.backlog import entry_edits
from orchestration.facts.reasons import Reason
from orchestration.models import Entry
from workspaces.access import Need
from workspaces.errors import Conflict

MOST = 100
MORE = 1
NONE_LEFT = "No entry is out of rounds any more: reload the page"
ALL_BEGUN = "They have begun since, or were changed: reload the page"


class UndoForm(forms.Form):
    """`pick`: the entries that got a round, each with the rounds that it may make since then, to take it back."""

    pick = forms.RegexField(r"^[a-z0-9_]+:[0-9]{1,6}(,[a-z0-9_]+:[0-9]{1,6})*$", max_length=5000, required=False)


@require_POST
@in_workspace(Need.OPERATE)
def apply(page_request: PageRequest) -> HttpResponse:
    if picked := validated(UndoForm(page_request.request.POST))["pick"]:
        pairs = (pair.split(":") for pair in picked.split(",")[:MOST])
        return _take_back(page_request, {entry_id: int(given) for entry_id, given in pairs})
    entries = Entry.objects.filter(workspace=page_request.workspace, deleted_at__isnull=True)
    chosen = list(entries.filter(reason_code=Reason.ROUNDS_EXHAUSTED).order_by("seq")[:MOST])
    given = entry_edits.give_rounds(chosen, MORE, by=page_request.caller) if chosen else []
    if not given:
        raise Conflict(NONE_LEFT)
    address = reverse("entries-more-rounds", args=[page_request.workspace.pk])
    undo = Undo("Undo", address, {"pick": ",".join(f"{entry.pk}:{entry.budget_rounds}" for entry in given)})
    return done(page_request, f"{entries_(len(given))} may make one round more", undo=undo)


def _take_back(page_request: PageRequest, given: dict[str, int]) -> HttpResponse:
    rows = entry_edits.take_rounds_back(given, MORE, workspace_id=page_request.workspace.pk, by=page_request.caller)
    if not rows:
        raise Conflict(ALL_BEGUN)
    begun = len(given) - len(rows)
    but = f"; {entries_(begun)} had begun or changed, and {'keeps' if begun == 1 else 'keep'} the round" if begun else ""
    return done(page_request, f"{entries_(len(rows))} {'is' if len(rows) == 1 else 'are'} out of rounds again{but}")
