"""Counts of ended rounds, sessions and landings by result, on the admin site: what `/metrics` adds up."""

from django.contrib import admin

from orchestration.models import OutcomeCount
from workspaces.admin.base import ReadOnly


@admin.register(OutcomeCount)
class OutcomeCountAdmin(ReadOnly):
    list_display = ["__str__", "workspace", "of", "kind", "result", "number"]
    list_filter = ["of", "result", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["=workspace__id"]
    search_help_text = "A workspace's id."
    ordering = ["-id"]
