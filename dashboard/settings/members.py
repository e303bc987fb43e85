"""Who belongs to a workspace and what they may do there."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import checked
from dashboard.shared.header import STRIP
from dashboard.shared.page_request import Scene, show
from dashboard.shared.responses import SEE_OTHER, confirm, done
from workspaces.access import GRANTS, Need
from workspaces.errors import Forbidden, NotFound
from workspaces.models import Membership, Role, Workspace
from workspaces.people import login_links, members

MOST = 500
MAY = {
    Need.VIEW: "See everything in the workspace",
    Need.OPERATE: "Run the executor, change the backlog",
    Need.BUDGET: "Set budgets, the cap, limits and locks; correct the ledger; decide reviews",
    Need.ADMIN: "Change the config, secrets, notices and members",
}


class AddForm(forms.Form):
    name = forms.CharField(max_length=150, error_messages={"required": "Write a user name"})
    role = forms.ChoiceField(choices=Role.choices, error_messages={"invalid_choice": "Choose a role"})
    create = forms.BooleanField(required=False)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, error_messages={"invalid_choice": "Choose a role"})


@in_workspace()
def page(scene: Scene) -> HttpResponse:
    return _page(scene)


@require_POST
@in_workspace(Need.ADMIN)
def add(scene: Scene) -> HttpResponse:
    """Someone who can log in already; or, by a superuser, someone new, whose login link is in the answer and nowhere else."""
    said = checked(AddForm(scene.request.POST))
    role = Role(said["role"])
    if said["create"] and not _may_create(scene):
        raise Forbidden("Only an admin of the whole server may make new people")
    person, fresh = members.person(said["name"], create=said["create"])
    members.add(scene.workspace, person, role, by=scene.caller)
    if not fresh:
        return done(scene, f"{person.get_username()} is {role.value} of this workspace now")
    return _page(scene, made=person.get_username(), link=scene.request.build_absolute_uri(login_links.link_for(person)))


@require_POST
@in_workspace(Need.ADMIN)
def act(scene: Scene, member_id: str, verb: str) -> HttpResponse:
    known = Membership.objects.select_related("user").filter(workspace=scene.workspace)
    row = known.filter(pk=int(member_id)).first()
    if row is None:
        raise NotFound("Member not found")
    return ACTS[verb](scene, row)


def _role(scene: Scene, row: Membership) -> HttpResponse:
    role = Role(checked(RoleForm(scene.request.POST))["role"])
    if role == row.role:
        return done(scene, f"{row.user} is {role.value} already")
    members.set_role(row, role, by=scene.caller)
    return done(scene, f"{row.user} is {role.value} now, from their next request on")


def _remove(scene: Scene, row: Membership) -> HttpResponse:
    name = row.user.get_username()
    if scene.request.POST.get("confirm") != "remove":
        return confirm(
            scene,
            title=f"Remove {name}",
            sentence=f"{scene.workspace.name} no longer exists for them, and their tokens for it open nothing.",
            button=f"Remove {name}",
            action=reverse("member-act", args=[scene.workspace.pk, row.pk, "remove"]),
            fields={"confirm": "remove"},
            points=_alone(scene, row),
        )
    members.remove(row, by=scene.caller)
    if row.user_id == scene.request.user.pk and not scene.caller.everywhere:
        messages.success(scene.request, f"You are no member of {scene.workspace.name} any more", extra_tags="good")
        return HttpResponseRedirect(reverse("workspaces"), status=SEE_OTHER)
    return done(scene, f"{name} is no member any more")


def _alone(scene: Scene, row: Membership) -> list[str]:
    others = Membership.objects.filter(workspace=scene.workspace, role=Role.ADMIN, user__is_active=True).exclude(pk=row.pk)
    last = row.role == Role.ADMIN and not others.exists()
    return ["They are its last admin: only admins of the whole server can administer it then."] if last else []


def _link(scene: Scene, row: Membership) -> HttpResponse:
    """For who has no password yet, or lost it."""
    if not _may_create(scene) or not row.user.is_active:
        raise Forbidden("Only an admin of the whole server may make login links, and only for who may log in")
    return _page(scene, made=row.user.get_username(), link=scene.request.build_absolute_uri(login_links.link_for(row.user)))


ACTS: dict[str, Callable[[Scene, Membership], HttpResponse]] = {"role": _role, "remove": _remove, "link": _link}


def _page(scene: Scene, *, made: str = "", link: str = "") -> HttpResponse:
    response = show(
        scene,
        "settings/members.html",
        STRIP,
        tab="members",
        may_admin=scene.may(Need.ADMIN),
        may_create=_may_create(scene),
        members=_listed(scene.workspace),
        roles=Role.choices,
        grants=[(words, [(role.label, need in GRANTS[role]) for role in Role]) for need, words in MAY.items()],
        made=made,
        link=link,
        page_url=reverse("members", args=[scene.workspace.pk]),
    )
    if link:
        response["Cache-Control"] = "no-store"
    return response


def _listed(workspace: Workspace) -> list[Membership]:
    found = Membership.objects.filter(workspace=workspace).select_related("user")
    return list(found.order_by("user__username")[:MOST])


def _may_create(scene: Scene) -> bool:
    user: Any = scene.request.user
    return bool(user.is_superuser) and scene.may(Need.ADMIN)
