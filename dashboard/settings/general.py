"""A workspace's name and facts, and its deletion."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER, done
from orchestration.configuration import workspace_setup
from workspaces.access import Need
from workspaces.errors import Invalid


class NameForm(forms.Form):
    name = forms.CharField(max_length=200, error_messages={"required": "Write a name"})


class EndForm(forms.Form):
    name = forms.CharField(max_length=200, required=False, strip=False)


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    here = reverse("settings", args=[page_request.workspace.pk])
    branch = page_request.executor.config.get("integration_branch", "muster/integration")
    return render_page(
        page_request,
        "settings/general.html",
        HEADER,
        may_admin=page_request.may(Need.ADMIN),
        integration=branch,
        page_url=here,
    )


@require_POST
@in_workspace(Need.ADMIN)
def rename(page_request: PageRequest) -> HttpResponse:
    name = validated(NameForm(page_request.request.POST))["name"]
    if name == page_request.workspace.name:
        return done(page_request, "Nothing was changed")
    workspace_setup.change(page_request.workspace, name=name, total_budget=None, max_project_spend=None, by=page_request.caller)
    return done(page_request, f"The workspace is now called {name}")


@require_POST
@in_workspace(Need.ADMIN)
def delete(page_request: PageRequest) -> HttpResponse:
    """Requires the workspace's name as confirmation: a click alone deletes nothing."""
    if validated(EndForm(page_request.request.POST))["name"] != page_request.workspace.name:
        raise Invalid(f"Nothing was deleted: type the name of the workspace, {page_request.workspace.name}", "name")
    workspace_setup.delete(page_request.workspace, by=page_request.caller)
    messages.success(
        page_request.request, f"{page_request.workspace.name} is deleted. What it spent stays on record.", extra_tags="good"
    )
    return HttpResponseRedirect(reverse("workspaces"), status=SEE_OTHER)
