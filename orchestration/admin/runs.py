"""Runs of agents that propose, and their proposals, on the admin site: the dashboard's pages of a run act on them."""

from django.contrib import admin

from orchestration.models import Proposal, Run
from workspaces.admin.base import ReadOnly


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ["session", "goal", "requested_by", "trigger", "subject", "commit"]
    list_filter = ["trigger"]
    list_select_related = ["session", "subject"]
    list_defer = ["prompt", "answer", "subject__spec", "subject__paths"]
    search_fields = ["=session__id", "goal"]
    search_help_text = "A run's id, or words of its goal."
    ordering = ["-session__claimed_at", "pk"]


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ["id", "run", "number", "kind", "title", "state", "subject", "entry", "decided_by", "decided_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["run", "subject", "entry"]
    list_defer = ["run__prompt", "run__answer", "subject__spec", "subject__paths", "entry__spec", "entry__paths"]
    search_fields = ["=run__session__id", "=entry__id"]
    search_help_text = "A run's or an entry's id."
    ordering = ["-id"]
