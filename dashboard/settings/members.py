"""The members of a workspace and their roles."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.settings import groups
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER
from dashboard.shared.lists.head import Head, first_of
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER, confirm, done
from workspaces.access import GRANTS, Need
from workspaces.errors import Forbidden, NotFound
from workspaces.models import Membership, Role, Workspace
from workspaces.people import login_links, members

MAX_MEMBERS = 500
MAY = {
    Need.VIEW: "See everything in the workspace",
    Need.OPERATE: "Run the executor, change the backlog",
    Need.BUDGET: "Set budgets, the cap, limits and locks; correct the ledger; decide reviews",
    Need.ADMIN: "Change the config, secrets, notifications and members",
}


class AddForm(forms.Form):
    name = forms.CharField(max_length=150, error_messages={"required": "Write a user name"})
    role = forms.ChoiceField(choices=Role.choices, error_messages={"invalid_choice": "Choose a role"})
    create = forms.BooleanField(required=False)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, error_messages={"invalid_choice": "Choose a role"})


@in_workspace()
def page(page_request: PageRequest) -> HttpResponse:
    return _page(page_request)


@require_POST
@in_workspace(Need.ADMIN)
def add(page_request: PageRequest) -> HttpResponse:
    """Add an existing user, or (superusers only) a new one, whose login link is in this response only."""
    form_data = validated(AddForm(page_request.request.POST))
    role = Role(form_data["role"])
    if form_data["create"] and not _may_create(page_request):
        raise Forbidden("Only a server admin can create users")
    person, fresh = members.find_or_create_person(form_data["name"], create=form_data["create"])
    members.add(page_request.workspace, person, role, by=page_request.caller)
    if not fresh:
        return done(page_request, f"{person.get_username()} is now {role.value} of this workspace")
    return _page(
        page_request, created=person.get_username(), link=page_request.request.build_absolute_uri(login_links.link_for(person))
    )


@require_POST
@in_workspace(Need.ADMIN)
def change_member(page_request: PageRequest, member_id: str, verb: str) -> HttpResponse:
    known = Membership.objects.select_related("user").filter(workspace=page_request.workspace)
    row = known.filter(pk=int(member_id)).first()
    if row is None:
        raise NotFound("Member not found")
    return ACTS[verb](page_request, row)


def _role(page_request: PageRequest, row: Membership) -> HttpResponse:
    role = Role(validated(RoleForm(page_request.request.POST))["role"])
    if role == row.role:
        return done(page_request, f"{row.user} is already {role.value}")
    members.set_role(row, role, by=page_request.caller)
    return done(page_request, f"{row.user} is now {role.value}, from the next request on")


def _remove(page_request: PageRequest, row: Membership) -> HttpResponse:
    name = row.user.get_username()
    if page_request.request.POST.get("confirm") != "remove":
        return confirm(
            page_request,
            title=f"Remove {name}",
            sentence=f"{page_request.workspace.name} is no longer visible to them, and their tokens for it stop working.",
            button=f"Remove {name}",
            action=reverse("member-act", args=[page_request.workspace.pk, row.pk, "remove"]),
            fields={"confirm": "remove"},
            points=_alone(page_request, row),
        )
    members.remove(row, by=page_request.caller)
    if row.user_id == page_request.request.user.pk and not page_request.caller.everywhere:
        messages.success(page_request.request, f"You are no longer a member of {page_request.workspace.name}", extra_tags="good")
        return HttpResponseRedirect(reverse("workspaces"), status=SEE_OTHER)
    return done(page_request, f"{name} is no longer a member")


def _alone(page_request: PageRequest, row: Membership) -> list[str]:
    others = Membership.objects.filter(workspace=page_request.workspace, role=Role.ADMIN, user__is_active=True).exclude(pk=row.pk)
    last = row.role == Role.ADMIN and not others.exists()
    return ["They are the last admin: only server admins can administer the workspace then."] if last else []


def _link(page_request: PageRequest, row: Membership) -> HttpResponse:
    """A login link, for people without a password or who lost it."""
    if not _may_create(page_request) or not row.user.is_active:
        raise Forbidden("Only a server admin can create login links, and only for users who can log in")
    return _page(
        page_request,
        created=row.user.get_username(),
        link=page_request.request.build_absolute_uri(login_links.link_for(row.user)),
    )


ACTS: dict[str, Callable[[PageRequest, Membership], HttpResponse]] = {"role": _role, "remove": _remove, "link": _link}


def _page(page_request: PageRequest, *, created: str = "", link: str = "") -> HttpResponse:
    response = render_page(
        page_request,
        "settings/members.html",
        HEADER,
        may_admin=page_request.may(Need.ADMIN),
        may_create=_may_create(page_request),
        members=(listed := _listed(page_request.workspace, page_request.request.GET.get("after", "")[:150])),
        after=listed[-1].user.get_username() if listed.is_cut else "",
        everybody=Membership.objects.filter(workspace=page_request.workspace).count(),
        roles=Role.choices,
        grants=[(words, [(role.label, need in GRANTS[role]) for role in Role]) for need, words in MAY.items()],
        created=created,
        link=link,
        sso=groups.shown(page_request.workspace),
        page_url=reverse("members", args=[page_request.workspace.pk]),
    )
    if link:
        response["Cache-Control"] = "no-store"
    return response


def _listed(workspace: Workspace, after: str) -> Head[Membership]:
    """By name, those behind `after`."""
    memberships = Membership.objects.filter(workspace=workspace, user__username__gt=after.replace("\x00", ""))
    return first_of(memberships.select_related("user").order_by("user__username"), MAX_MEMBERS)


def _may_create(page_request: PageRequest) -> bool:
    user: Any = page_request.request.user
    return bool(user.is_superuser) and page_request.may(Need.ADMIN)
