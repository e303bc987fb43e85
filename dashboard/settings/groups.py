"""The groups of the provider that have a role in a workspace, on the page of its members. Only where single sign-on is installed."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.page_request import PageRequest
from dashboard.shared.responses import done
from workspaces.access import Need
from workspaces.errors import NotFound
from workspaces.models import Role, Workspace
from workspaces.people import standing


class GroupForm(forms.Form):
    group = forms.CharField(max_length=200, error_messages={"required": "Write the name of a group"})
    role = forms.ChoiceField(choices=Role.choices, error_messages={"invalid_choice": "Choose a role"})


def shown(workspace: Workspace) -> dict[str, Any]:
    """For the template: the provider's name, its groups here, and the memberships that came by one."""
    if not settings.SSO:
        return {}
    from workspaces.sso import groups

    listed = {"groups": groups.list_of(workspace), "by_group": groups.memberships(workspace)}
    return {"provider": settings.OIDC_NAME, "trouble": standing.trouble(), **listed}


@require_POST
@in_workspace(Need.ADMIN)
def add(page_request: PageRequest) -> HttpResponse:
    """A group that has a role already gets this one."""
    groups = _groups()
    form_data = validated(GroupForm(page_request.request.POST))
    role = Role(form_data["role"])
    groups.set_role(page_request.workspace, form_data["group"], role, by=page_request.caller)
    return done(page_request, f"The group {form_data['group']} has the role {role.value}, from each person's next login on")


@require_POST
@in_workspace(Need.ADMIN)
def remove(page_request: PageRequest, group_id: str) -> HttpResponse:
    name = _groups().remove(page_request.workspace, int(group_id), by=page_request.caller)
    return done(page_request, f"The group {name} has no role here, from each person's next login on")


def _groups() -> Any:
    if not settings.SSO:
        raise NotFound("Single sign-on is not set up")
    from workspaces.sso import groups

    return groups
