"""The saved views above the list: links for all members, forms for those who operate."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet, Value
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.entries.filters import EntriesFilter
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import Undo, done
from workspaces.access import Need
from workspaces.errors import Invalid
from workspaces.models import SavedView
from workspaces.people import saved_views

MAX_QUERY = 2000


class NameForm(forms.Form):
    name = forms.CharField(
        max_length=60,
        error_messages={
            "required": "Enter a name for the view",
            "max_length": "The name of a view has at most 60 characters: enter a shorter one",
        },
    )


class ViewForm(NameForm):
    query = forms.CharField(max_length=4000, required=False)


@dataclass(frozen=True)
class Saved:
    pk: int
    name: str
    query: str


def rows(page_request: PageRequest) -> QuerySet[Any]:
    """The views in the columns that the rail reads with its groups, so that a page needs no query of its own for them."""
    views = SavedView.objects.filter(workspace=page_request.workspace).annotate(n=Value(0)).order_by("name", "id")
    return views.values_list("name", "n", "pk", "query")


def remember(page_request: PageRequest, views: Iterable[tuple[Any, ...]]) -> None:
    """Rows of `rows`, for the region of the same page."""
    page_request.memo["views"] = [Saved(pk, name, query) for name, _, pk, query in views]


def region(page_request: PageRequest) -> dict[str, Any]:
    """`this_view`: the query of the page as a view has it. At most one query."""
    if "views" not in page_request.memo:
        remember(page_request, rows(page_request))
    current = canonical(page_request.request.GET.urlencode())
    return {"saved": [(view, view.query == current) for view in page_request.memo["views"]], "this_view": current}


@require_POST
@in_workspace(Need.OPERATE)
def save(page_request: PageRequest) -> HttpResponse:
    form_data = validated(ViewForm(page_request.request.POST))
    query = canonical(form_data["query"])
    if len(query) > MAX_QUERY:
        raise Invalid("The search is too long to be saved: use fewer words", "query")
    view = saved_views.save(page_request.workspace, form_data["name"], query, by=page_request.caller)
    return done(page_request, f"The view {view.name} is saved for the team")


@require_POST
@in_workspace(Need.OPERATE)
def change(page_request: PageRequest, view_id: str, verb: str) -> HttpResponse:
    workspace_id, number = page_request.workspace.pk, int(view_id)
    if verb == "rename":
        name = validated(NameForm(page_request.request.POST))["name"]
        view = saved_views.rename(workspace_id, number, name, by=page_request.caller)
        return done(page_request, f"The view is named {view.name} now")
    view = saved_views.delete(workspace_id, number, by=page_request.caller)
    undo = Undo("Undo", reverse("view-save", args=[workspace_id]), {"name": view.name, "query": view.query})
    return done(page_request, f"The view {view.name} is deleted", undo=undo)


def canonical(query: str) -> str:
    """The valid filters of a query, in the order of the form: equal views have equal queries."""
    values = QueryDict(query)
    bound = EntriesFilter({name: str(value).replace("\x00", "") for name, value in values.items()})
    bound.is_valid()
    kept = QueryDict(mutable=True)
    for name in bound.fields:
        if value := bound.cleaned_data.get(name):
            kept[name] = value
    return kept.urlencode()
