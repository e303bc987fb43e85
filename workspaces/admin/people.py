"""People on the admin site, in place of Django's own pages: changes carry a reason, and no one is deleted. No groups: roles are per
workspace.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as registered  # noqa: F401
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from workspaces.access import Caller
from workspaces.admin.base import Editable
from workspaces.people import logins

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(Editable):
    """People set their password on their account's page; without one they get a login link from a workspace's members page."""

    list_display = ["username", "first_name", "last_name", "email", "is_active", "is_superuser", "last_login", "date_joined"]
    list_filter = ["is_active", "is_superuser", "memberships__workspace", "memberships__role"]
    search_fields = ["username", "first_name", "last_name", "=email"]
    ordering = ["username"]
    fieldsets = [
        (None, {"fields": ["username", "first_name", "last_name", "email"]}),
        ("May", {"fields": ["is_active", "is_superuser"]}),
        ("Record", {"fields": ["last_login", "date_joined"]}),
    ]
    editable = ["first_name", "last_name", "email", "is_active", "is_superuser"]
    add_fields = ["username", "is_superuser"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "is_superuser":
            field.label = "Admin of the whole server"
            field.help_text = "May do everything in every workspace, and use this site."
        if field is not None and db_field.name == "is_active":
            field.help_text = "May log in. Clear it to deactivate a login: people cannot be deleted, since history names them."
        return field

    def carry_out(self, obj: User, form: Any, *, by: Caller, reason: str) -> None:
        logins.change(
            obj, {name: form.cleaned_data[name] for name in form.changed_data if name != "reason"}, by=by, reason=reason
        )

    def add(self, obj: User, form: Any, *, by: Caller, reason: str) -> None:
        given = form.cleaned_data
        obj.pk = logins.create(given["username"], admin=given["is_superuser"], by=by, reason=reason).pk
