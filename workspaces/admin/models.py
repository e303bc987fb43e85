"""Workspaces, members, tokens and activity on the admin site."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from workspaces.access import Caller
from workspaces.admin import people as admin_people
from workspaces.admin.base import Editable, ReadOnly, ReasonForm
from workspaces.admin.fixes import Fix, Line, Outlook
from workspaces.errors import Invalid
from workspaces.models import (
    AS_OWNER,
    ApiToken,
    Channel,
    ChannelVerb,
    Delivery,
    DeviceLogin,
    Digest,
    Event,
    FailedLogin,
    Membership,
    Passkey,
    Preferences,
    QueueMark,
    RecoveryCode,
    Role,
    SavedView,
    SecondFactor,
    Workspace,
)
from workspaces.people import members, tokens

__all__ = ["admin_people"]  # registers its models


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


@admin.register(DeviceLogin)
class DeviceLoginAdmin(ReadOnly):
    list_display = ["client", "address", "state", "user", "created_at", "expires_at"]
    list_filter = ["state"]
    list_select_related = ["user"]
    search_fields = ["=address", "=user__username"]
    ordering = ["-id"]
    exclude = ["digest", "user_code"]


@admin.register(SecondFactor)
class SecondFactorAdmin(ReadOnly):
    list_display = ["user", "confirmed_at"]
    list_select_related = ["user"]
    search_fields = ["=user__username"]
    ordering = ["user__username"]
    exclude = ["sealed_key", "handle"]


@admin.register(Passkey)
class PasskeyAdmin(ReadOnly):
    list_display = ["name", "factor", "host", "created_at", "last_used_at"]
    list_select_related = ["factor__user"]
    search_fields = ["=factor__user__username", "name"]
    ordering = ["-id"]
    exclude = ["credential_id", "public_key"]


@admin.register(RecoveryCode)
class RecoveryCodeAdmin(ReadOnly):
    list_display = ["id", "factor"]
    list_select_related = ["factor__user"]
    search_fields = ["=factor__user__username"]
    ordering = ["-id"]
    exclude = ["digest"]


@admin.register(Preferences)
class PreferencesAdmin(ReadOnly):
    """People change their own on their account's page."""

    list_display = ["user", "time_zone", "theme", "density", "shortcuts"]
    list_filter = ["theme", "density"]
    list_select_related = ["user"]
    search_fields = ["user__username", "=time_zone"]
    ordering = ["user__username"]


@admin.register(QueueMark)
class QueueMarkAdmin(ReadOnly):
    list_display = ["key", "user", "aside_until", "at"]
    list_select_related = ["user"]
    ordering = ["-id"]


@admin.register(SavedView)
class SavedViewAdmin(ReadOnly):
    """Operators change views on the page of entries."""

    list_display = ["name", "workspace", "query", "created_at", "created_by"]
    list_filter = ["workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name", "=created_by"]
    ordering = ["-id"]


@admin.register(FailedLogin)
class FailedLoginAdmin(ReadOnly):
    list_display = ["key", "tries", "since"]
    ordering = ["-since"]


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ["at", "actor", "actor_kind", "verb", "object_id", "reason", "workspace"]
    list_filter = ["actor_kind", "at", "workspace"]
    list_select_related = ["workspace"]
    list_defer = ["data"]
    search_fields = ["=object_id", "^verb", "=actor", "=request_id"]
    search_help_text = "An object's id, a request's id, who did it, or how the verb begins."
    ordering = ["-id"]


@admin.register(Channel)
class ChannelAdmin(ReadOnly):
    """Admins change channels on the notices page. The sealed secret is never shown."""

    list_display = ["name", "kind", "workspace", "enabled", "failures_in_a_row", "rests_until", "created_at"]
    list_filter = ["kind", "enabled", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["=id", "name", "=created_by"]
    ordering = ["-created_at", "id"]
    fields = [
        "id",
        "name",
        "kind",
        "workspace",
        "target",
        "enabled",
        "off_because",
        "failures_in_a_row",
        "rests_until",
        "created_at",
        "created_by",
    ]


@admin.register(ChannelVerb)
class ChannelVerbAdmin(ReadOnly):
    list_display = ["channel", "verb"]
    list_filter = ["verb"]
    list_select_related = ["channel"]
    search_fields = ["=channel__id", "^verb"]
    ordering = ["-id"]


@admin.register(Digest)
class DigestAdmin(ReadOnly):
    list_display = ["channel", "frequency", "hour", "time_zone", "due_at"]
    list_filter = ["frequency"]
    list_select_related = ["channel"]
    search_fields = ["=channel__id", "channel__name"]
    ordering = ["due_at", "channel"]
    fields = ["channel", "frequency", "hour", "time_zone", "due_at"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["id", "channel", "event", "state", "attempts", "status", "took_ms", "created_at", "tried_at", "due_at"]
    list_filter = ["state", "created_at", "channel__workspace"]
    list_select_related = ["channel", "event"]
    search_fields = ["=channel__id", "=event__object_id"]
    ordering = ["-id"]
    fields = ["id", "channel", "event", "state", "attempts", "status", "answer", "took_ms", "created_at", "tried_at", "due_at"]
