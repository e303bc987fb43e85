"""Workspaces, members and tokens on the admin site."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from workspaces.access import Caller
from workspaces.admin.base import Editable, ReasonForm
from workspaces.admin.fixes import Fix, Line, Outlook
from workspaces.errors import Invalid
from workspaces.models import AS_OWNER, ApiToken, Membership, Role, Workspace
from workspaces.people import members, tokens


@admin.register(Workspace)
class WorkspaceAdmin(Editable):
    list_display = ["name", "id", "repo", "base_branch", "created_at", "created_by", "deleted_at"]
    list_filter = ["created_at", ("deleted_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "=id", "repo", "origin"]
    ordering = ["-created_at", "id"]
    fieldsets = [(None, {"fields": ["name", "id", "repo", "origin", "base_branch", "created_at", "created_by", "deleted_at"]})]
    editable = ["name"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.deleted_at is None

    def carry_out(self, obj: Workspace, form: Any, *, by: Caller, reason: str) -> None:
        if "name" in form.changed_data:
            members.rename(obj, form.cleaned_data["name"], by=by, reason=reason)


def _check_alive(workspace: Workspace | None) -> None:
    if workspace is not None and workspace.deleted_at is not None:
        raise Invalid(f"{workspace} was deleted", "workspace")


class Remove(Fix):
    name = "remove"
    title = "Remove members"
    button = "Remove members"
    explains = "Their workspace no longer exists for them, from their next request on. Open pages stop within half a minute."

    def foresee(self, selected: Sequence[Membership], form_data: dict[str, Any]) -> Outlook:
        rows = (
            Membership.objects.filter(pk__in=[membership.pk for membership in selected])
            .select_related("user", "workspace")
            .order_by("pk")
        )
        return Outlook(
            [Line(f"{membership.user} in {membership.workspace}", membership.role, "not a member") for membership in rows]
        )

    def apply(self, selected: Sequence[Membership], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        for membership in selected:
            members.remove(membership, by=by, reason=reason)
        return f"Removed members: {len(selected)}"


@admin.register(Membership)
class MembershipAdmin(Editable):
    list_display = ["user", "workspace", "role"]
    list_filter = ["role", "workspace"]
    list_select_related = ["user", "workspace"]
    search_fields = ["user__username", "workspace__name", "=workspace__id"]
    ordering = ["workspace__name", "user__username", "id"]
    autocomplete_fields = ["user", "workspace"]
    fieldsets = [(None, {"fields": ["user", "workspace", "role"]})]
    editable = ["role"]
    add_fields = ["user", "workspace", "role"]
    actions = [Remove()]

    def carry_out(self, obj: Membership, form: Any, *, by: Caller, reason: str) -> None:
        if "role" in form.changed_data:
            members.set_role(obj, Role(form.cleaned_data["role"]), by=by, reason=reason)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.workspace.deleted_at is None

    def add(self, obj: Membership, form: Any, *, by: Caller, reason: str) -> None:
        given = form.cleaned_data
        _check_alive(given["workspace"])
        obj.pk = members.add(given["workspace"], given["user"], Role(given["role"]), by=by, reason=reason).pk


class Revoke(Fix):
    name = "revoke"
    title = "Revoke tokens"
    button = "Revoke tokens"
    explains = "A revoked token has no access from the next request on. It cannot be restored: create a new one."

    def lock(self, selected: Sequence[ApiToken]) -> None:
        list(ApiToken.objects.select_for_update(of=("self",)).filter(pk__in=[token.pk for token in selected]).order_by("pk"))

    def foresee(self, selected: Sequence[ApiToken], form_data: dict[str, Any]) -> Outlook:
        lines = [(tokens.why_kept(token), str(token)) for token in selected]
        return Outlook(
            [Line(what, "live", "revoked") for why, what in lines if not why],
            [Line(what, "", why) for why, what in lines if why],
        )

    def apply(self, selected: Sequence[ApiToken], form_data: dict[str, Any], *, by: Caller, reason: str) -> str:
        live = [token for token in selected if not tokens.why_kept(token)]
        for token in live:
            tokens.revoke(token, by=by, reason=reason)
        return f"Revoked tokens: {len(live)}"


class TokenForm(ReasonForm):
    def clean_role(self) -> Any:
        role = self.cleaned_data["role"]
        if role == AS_OWNER:
            self.add_error("role", "A token that stands for its owner is made by their own login on the command line")
        return role

    def clean_expires_at(self) -> Any:
        ends = self.cleaned_data["expires_at"]
        if ends and "expires_at" in self.changed_data and ends <= timezone.now():
            self.add_error("expires_at", "This is in the past: to end a token now, revoke it")
        return ends


@admin.register(ApiToken)
class ApiTokenAdmin(Editable):
    """A new token's secret is only in the response to its form: not in a message, which would go through a cookie."""

    form = TokenForm
    list_display = ["name", "prefix", "role", "workspace", "is_live", "created_at", "created_by", "expires_at", "revoked_at"]
    list_filter = ["role", ("revoked_at", admin.EmptyFieldListFilter), ("session_ref", admin.EmptyFieldListFilter), "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name", "^prefix", "=session_ref", "created_by"]
    ordering = ["-id"]
    autocomplete_fields = ["workspace"]
    fieldsets = [
        (None, {"fields": ["name", "expires_at"]}),
        (
            "Fixed",
            {
                "fields": [
                    "prefix",
                    "role",
                    "workspace",
                    "owner",
                    "session_ref",
                    "created_at",
                    "created_by",
                    "last_used_at",
                    "revoked_at",
                ]
            },
        ),
    ]
    editable = ["name", "expires_at"]
    add_fields = ["name", "role", "workspace", "expires_at"]
    actions = [Revoke()]

    @admin.display(boolean=True, description="live", ordering=F("revoked_at").desc(nulls_first=True))
    def is_live(self, token: ApiToken) -> bool:
        return bool(token.is_in_time)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows: QuerySet[ApiToken] = super().get_queryset(request)
        return rows.annotate(is_in_time=tokens.IN_TIME)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or not tokens.why_kept(obj)

    def carry_out(self, obj: ApiToken, form: Any, *, by: Caller, reason: str) -> None:
        given, changed = form.cleaned_data, form.changed_data
        kept = ApiToken.objects.filter(pk=obj.pk).first()
        if kept is None:
            raise Invalid("The token is gone")
        name = given["name"] if "name" in changed else kept.name
        ends = given["expires_at"] if "expires_at" in changed else kept.expires_at
        tokens.change(obj, name=name, expires_at=ends, by=by, reason=reason)

    def add(self, obj: ApiToken, form: Any, *, by: Caller, reason: str) -> None:
        given = form.cleaned_data
        _check_alive(given["workspace"])
        token, secret = tokens.issue(
            given["name"],
            role=given["role"],
            workspace=given["workspace"],
            expires_at=given["expires_at"],
            by=by,
            reason=reason,
        )
        obj.pk, obj.prefix, obj.secret = token.pk, token.prefix, secret  # type: ignore[attr-defined]  # for response_add

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "title": "New token", "opts": self.opts, "token": obj}
        return TemplateResponse(request, "admin/token_made.html", context)
