"""Verdicts, integration branches, landings, approvals and checks of agents on the admin site: what pages of the dashboard act on."""

from django.contrib import admin

from orchestration.models import AgentCheck, Approval, Integration, IntegrationCommit, Landing, ReviewComment, TreeVerdict
from workspaces.admin.base import ReadOnly


@admin.register(TreeVerdict)
class TreeVerdictAdmin(ReadOnly):
    list_display = ["id", "workspace", "kind", "passed", "commit", "tree", "seconds", "by", "at"]
    list_filter = ["kind", "passed", "workspace"]
    list_select_related = ["workspace"]
    list_defer = ["checks", "cases"]
    search_fields = ["=tree", "=commit"]
    search_help_text = "A tree or a commit."
    ordering = ["-id"]
    exclude = ["cases"]


@admin.register(Integration)
class IntegrationAdmin(ReadOnly):
    list_display = ["workspace", "state", "tip", "foreign_tip", "phase", "lease_until", "fence"]
    list_filter = ["state"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__name", "=workspace__id", "=tip"]
    ordering = ["workspace__name", "pk"]


@admin.register(IntegrationCommit)
class IntegrationCommitAdmin(ReadOnly):
    list_display = ["id", "workspace", "kind", "state", "subject", "new", "reused", "done_at"]
    list_filter = ["kind", "state", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["=new", "subject"]
    ordering = ["-id"]


@admin.register(Landing)
class LandingAdmin(ReadOnly):
    list_display = ["id", "workspace", "kind", "entry", "state", "commit", "by", "queued_at", "ended_at"]
    list_filter = ["kind", "state", "workspace"]
    list_select_related = ["workspace", "entry"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["=entry__id", "=commit"]
    search_help_text = "An entry's id, or a commit."
    ordering = ["-id"]


@admin.register(Approval)
class ApprovalAdmin(ReadOnly):
    list_display = ["id", "entry", "commit", "by", "at", "void_at"]
    list_filter = ["entry__workspace"]
    list_select_related = ["entry"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["=entry__id", "=commit", "=by"]
    search_help_text = "An entry's id, a commit, or a name."
    ordering = ["-id"]


@admin.register(ReviewComment)
class ReviewCommentAdmin(ReadOnly):
    list_display = ["id", "entry", "commit", "path", "line", "by", "at", "sent_at"]
    list_filter = ["entry__workspace"]
    list_select_related = ["entry"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["=entry__id", "=commit", "=by"]
    search_help_text = "An entry's id, a commit, or a name."
    ordering = ["-id"]


@admin.register(AgentCheck)
class AgentCheckAdmin(ReadOnly):
    list_display = ["workspace", "ok", "message", "host", "due", "at"]
    list_filter = ["ok", "due"]
    list_select_related = ["workspace"]
    search_fields = ["workspace__name", "=workspace__id"]
    ordering = ["workspace__name", "pk"]
