"""Dependencies and dependents of an entry, and the forms that change its dependencies."""

from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from orchestration.backlog import dependencies
from orchestration.edge import queries
from orchestration.models import Dependency, Entry
from workspaces.access import Need
from workspaces.errors import NotFound

MAX_LINKS = 200


class DependForm(forms.Form):
    """`depends_on`: an entry's number, optionally followed by its title as the datalist offers it."""

    depends_on = forms.RegexField(
        r"^\s*#?[0-9]{1,15}(\s.*)?$",
        max_length=300,
        error_messages={
            "required": "Write the number of an entry, such as #12",
            "invalid": "Write the number of an entry, such as #12",
        },
    )
    reason = forms.CharField(max_length=500, required=False)

    def clean_depends_on(self) -> int:
        return int(self.cleaned_data["depends_on"].split()[0].removeprefix("#"))


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """Two queries."""
    links = Dependency.objects.filter(Q(entry=entry) | Q(depends_on=entry)).select_related("entry", "depends_on")
    pairs = list(links.order_by("entry__seq", "depends_on__seq")[: 4 * MAX_LINKS])
    needs = [link.depends_on for link in pairs if link.entry_id == entry.pk]
    needed_by = [link.entry for link in pairs if link.depends_on_id == entry.pk and link.entry.deleted_at is None]
    taken = {entry.pk, *(other.pk for other in needs), *(other.pk for other in needed_by)}
    offered = []
    if page_request.may(Need.OPERATE) and _may_change(entry):
        open_ones = Entry.objects.filter(workspace=page_request.workspace, deleted_at__isnull=True).exclude(
            status=Entry.Status.DONE
        )
        offered = [other for other in open_ones.order_by("-seq")[:MAX_LINKS] if other.pk not in taken]
    return {
        "entry": entry,
        "needs": needs,
        "needed_by": needed_by[:MAX_LINKS],
        "more_needed_by": len(needed_by) > MAX_LINKS,
        "offered": offered,
        "may_change": _may_change(entry),
    }


def _may_change(entry: Entry) -> bool:
    return entry.status not in (Entry.Status.IN_PROGRESS, Entry.Status.DONE)


@require_POST
@in_workspace(Need.OPERATE)
def depend(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry, other, reason = _parse(page_request, entry_id)
    dependencies.depend(entry, other, by=page_request.caller, reason=reason)
    return done(page_request, f"#{entry.seq} waits for #{other.seq} {other.title}")


@require_POST
@in_workspace(Need.OPERATE)
def undepend(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry, other, reason = _parse(page_request, entry_id)
    dependencies.undepend(entry, other, by=page_request.caller, reason=reason)
    return done(page_request, f"#{entry.seq} waits for #{other.seq} no longer")


def _parse(page_request: PageRequest, entry_id: str) -> tuple[Entry, Entry, str]:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    form_data = validated(DependForm(page_request.request.POST))
    other = Entry.objects.filter(workspace=page_request.workspace, seq=form_data["depends_on"], deleted_at__isnull=True).first()
    if other is None:
        raise NotFound(f"There is no entry #{form_data['depends_on']} here")
    return entry, other, form_data["reason"]
