"""Triggers and their firings on the admin site, and the issues of entries."""

from django.contrib import admin

from orchestration.models import Firing, IssueEntry, Trigger
from workspaces.admin.base import ReadOnly


@admin.register(Trigger)
class TriggerAdmin(ReadOnly):
    exclude = ["sealed"]
    list_display = ["name", "workspace", "kind", "schedule", "label", "time_zone", "is_enabled", "next_due", "deleted_at"]
    list_filter = ["kind", "is_enabled", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["=id", "name"]
    search_help_text = "A trigger's id, or words of its name."
    ordering = ["-created_at", "pk"]


@admin.register(Firing)
class FiringAdmin(ReadOnly):
    list_display = ["id", "trigger", "key", "at", "entry", "skipped", "fired_by"]
    list_filter = ["skipped"]
    list_select_related = ["trigger", "entry"]
    list_defer = ["trigger__template", "entry__spec", "entry__paths"]
    search_fields = ["=trigger__id", "=entry__id", "=key"]
    search_help_text = "A trigger's or an entry's id, or a key."
    ordering = ["-id"]


@admin.register(IssueEntry)
class IssueEntryAdmin(ReadOnly):
    list_display = ["__str__", "entry", "workspace", "commented_at", "closed_at", "problem", "retry_at"]
    list_filter = ["problem", "workspace"]
    list_select_related = ["entry", "workspace"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["=entry__id", "=number"]
    search_help_text = "An entry's id, or an issue's number."
    ordering = ["-at", "pk"]
