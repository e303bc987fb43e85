"""A workspace's name, what it is made of, and its end."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import checked
from dashboard.shared.header import STRIP
from dashboard.shared.page_request import Scene, show
from dashboard.shared.responses import SEE_OTHER, done
from orchestration.configuration import workspace_setup
from workspaces.access import Need
from workspaces.errors import Invalid


class NameForm(forms.Form):
    name = forms.CharField(max_length=200, error_messages={"required": "Write a name"})


class EndForm(forms.Form):
    name = forms.CharField(max_length=200, required=False, strip=False)


@in_workspace()
def page(scene: Scene) -> HttpResponse:
    here = reverse("settings", args=[scene.workspace.pk])
    branch = scene.executor.config.get("integration_branch", "muster/integration")
    return show(
        scene,
        "settings/general.html",
        STRIP,
        tab="general",
        may_admin=scene.may(Need.ADMIN),
        integration=branch,
        page_url=here,
    )


@require_POST
@in_workspace(Need.ADMIN)
def rename(scene: Scene) -> HttpResponse:
    name = checked(NameForm(scene.request.POST))["name"]
    if name == scene.workspace.name:
        return done(scene, "Nothing was changed")
    workspace_setup.change(scene.workspace, name=name, total_budget=None, max_project_spend=None, by=scene.caller)
    return done(scene, f"The workspace is called {name} now")


@require_POST
@in_workspace(Need.ADMIN)
def delete(scene: Scene) -> HttpResponse:
    """Only with its name typed: a click alone does not end a workspace."""
    if checked(EndForm(scene.request.POST))["name"] != scene.workspace.name:
        raise Invalid(f"Nothing was deleted: type the name of the workspace, {scene.workspace.name}", "name")
    workspace_setup.delete(scene.workspace, by=scene.caller)
    messages.success(scene.request, f"{scene.workspace.name} is deleted. What it spent stays on record.", extra_tags="good")
    return HttpResponseRedirect(reverse("workspaces"), status=SEE_OTHER)
