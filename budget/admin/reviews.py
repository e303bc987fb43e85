"""Reviews on the admin site, read-only: they change on their own pages, by their own rules."""

from django.contrib import admin

from budget.admin.amounts import column
from budget.models import Comment, Decision, Proposal, Review, ReviewLine
from budget.reviews.snapshot import TOTALS
from workspaces.admin.base import ReadOnly


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    list_display = [
        "number",
        "title",
        "project",
        "state",
        "version",
        "author",
        "required_approvals",
        column("total_spent"),
        "due",
        "created_at",
    ]
    list_filter = ["state", "created_at", "project"]
    list_select_related = ["project"]
    search_fields = ["=id", "title", "=author"]
    ordering = ["-created_at", "id"]
    fieldsets = [
        (None, {"fields": ["id", "number", "title", "project", "period_from", "period_to", "due", "required_approvals"]}),
        (
            "State",
            {
                "fields": [
                    "state",
                    "state_reason",
                    "version",
                    "author",
                    "author_behind",
                    "created_at",
                    "requested_at",
                    "closed_at",
                ]
            },
        ),
        (
            "Frozen",
            {"fields": ["as_of", "as_of_ledger", *(column(name) for name in (*TOTALS, "period_spent", "planned", "expected"))]},
        ),
    ]


@admin.register(ReviewLine)
class ReviewLineAdmin(ReadOnly):
    amounts = [column(name) for name in ("budget", "spent", "interceptor_spent", "period_spent", "forecast")]
    list_display = ["review", "position", "title", "status", *amounts]
    list_filter = ["status"]
    list_select_related = ["review"]
    search_fields = ["=review__id", "=account__id"]
    ordering = ["-id"]
    fields = ["review", "position", "account", "title", "status", "human_locked", "rounds", *amounts]


@admin.register(Proposal)
class ProposalAdmin(ReadOnly):
    list_display = ["review", "account", "field", column("before"), column("after"), "lock", "reason"]
    list_filter = ["field"]
    list_select_related = ["review", "account"]
    search_fields = ["=review__id", "=account__id"]
    ordering = ["-id"]
    fields = ["review", "account", "field", column("before"), column("after"), "lock", "reason"]


@admin.register(Comment)
class CommentAdmin(ReadOnly):
    list_display = ["at", "author", "review", "line", "text"]
    list_select_related = ["review", "line"]
    search_fields = ["=review__id", "=author"]
    ordering = ["-id"]
    fields = ["review", "line", "author", "at", "text"]


@admin.register(Decision)
class DecisionAdmin(ReadOnly):
    list_display = ["at", "reviewer", "verdict", "review", "version", "note"]
    list_filter = ["verdict", "at"]
    list_select_related = ["review"]
    search_fields = ["=review__id", "=reviewer"]
    ordering = ["-id"]
    fields = ["review", "version", "reviewer", "verdict", "note", "at"]
