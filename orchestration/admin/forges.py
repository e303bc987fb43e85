"""Pull requests and webhooks on the admin site: the forge's own pages act on them."""

from django.contrib import admin

from orchestration.models import ForgeDelivery, PullRequest
from workspaces.admin.base import ReadOnly


@admin.register(PullRequest)
class PullRequestAdmin(ReadOnly):
    list_display = ["__str__", "entry", "state", "branch", "problem", "message", "opened_at", "ended_at"]
    list_filter = ["state", "problem", "workspace"]
    list_select_related = ["entry"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["=entry__id", "=number", "=branch", "=head"]
    search_help_text = "An entry's id, a number, a branch or a commit."
    ordering = ["-id"]


@admin.register(ForgeDelivery)
class ForgeDeliveryAdmin(ReadOnly):
    list_display = ["__str__", "workspace", "event", "at"]
    list_filter = ["event", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["=key"]
    search_help_text = "The hash of a webhook's content."
    ordering = ["-id"]
