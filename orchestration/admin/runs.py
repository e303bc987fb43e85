"""Runs of agents that propose, and their proposals, on the admin site: the dashboard's pages of a run act on them."""

from django.contrib import admin

from orchestration.models import Proposal, Run
from workspaces.admin.base import ReadOnly


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ["session", "goal", "requested_by", "commit"]
    list_select_related = ["session"]
    list_defer = ["prompt", "answer"]
    search_fields = ["=session__id", "goal"]
    search_help_text = "A run's id, or words of its goal."
    ordering = ["-session__claimed_at", "pk"]


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ["id", "run", "number", "title", "state", "entry", "decided_by", "decided_at"]
    list_filter = ["state"]
    list_select_related = ["run", "entry"]
    list_defer = ["run__prompt", "run__answer", "entry__spec", "entry__paths"]
    search_fields = ["=run__session__id", "=entry__id"]
    search_help_text = "A run's or an entry's id."
    ordering = ["-id"]
