"""Messages and questions of people and agents, on the admin site: the entry's page of the dashboard acts on them."""

from django.contrib import admin

from orchestration.models import Message, Question
from workspaces.admin.base import ReadOnly


@admin.register(Message)
class MessageAdmin(ReadOnly):
    list_display = ["__str__", "entry", "session", "sent_by", "sent_at", "delivered_at"]
    list_filter = ["entry__workspace"]
    list_select_related = ["entry", "session"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["=entry__id", "=session__id", "=sent_by"]
    search_help_text = "An entry's or a session's id, or a name."
    ordering = ["-id"]


@admin.register(Question)
class QuestionAdmin(ReadOnly):
    list_display = ["__str__", "entry", "session", "asked_at", "answered_by", "answered_at", "delivered_at"]
    list_filter = ["workspace"]
    list_select_related = ["entry", "session"]
    list_defer = ["entry__spec", "entry__paths"]
    search_fields = ["=entry__id", "=session__id", "=answered_by"]
    search_help_text = "An entry's or a session's id, or a name."
    ordering = ["-id"]
