"""Messages of people to agents, and questions of agents to people."""

from typing import Any

from django.db import models
from django.db.models import Exists, Q
from django.db.models.functions import Now

from orchestration.models.entries import Entry
from orchestration.models.sessions import Round, Session
from workspaces.models import Workspace


class Message(models.Model):
    """A person's words for an entry's agent. With a session: for the agent at work; without: an instruction for the next prompt. What no agent
    has got yet is first in the next prompt, whomever it was for."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="messages", db_index=False)
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.CASCADE, related_name="messages", db_index=False)
    text = models.TextField()
    sent_by = models.CharField(max_length=200)
    sent_at = models.DateTimeField(db_default=Now())
    key = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="A hash of the request's Idempotency-Key."
    )
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="When an agent was known to have got it.")
    round = models.ForeignKey(
        Round, null=True, blank=True, on_delete=models.SET_NULL, related_name="messages", help_text="Whose agent it was given to."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "key"], condition=~Q(key=""), name="one_message_per_key")]
        indexes = [
            models.Index(fields=["entry", "id"], name="messages_of_entry"),
            models.Index(fields=["entry"], condition=Q(delivered_at__isnull=True), name="queued_messages"),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:60]

    @classmethod
    def waits(cls, entry_id: Any) -> Exists:
        """True if a message for the entry has not reached an agent."""
        return Exists(cls.objects.filter(entry_id=entry_id, delivered_at__isnull=True))


class Question(models.Model):
    """An agent's question to people. While one of its questions is unanswered, the entry waits."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="questions", db_index=False)
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="questions", db_index=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="questions", db_index=False)
    name = models.CharField(
        max_length=100, help_text="Its name among those of its session: noted once, however often it is read."
    )
    text = models.TextField()
    asked_at = models.DateTimeField(db_default=Now())
    answer = models.TextField(blank=True, default="", db_default="")
    answered_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    answered_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="When an agent was known to have got the answer.")
    round = models.ForeignKey(
        Round, null=True, blank=True, on_delete=models.SET_NULL, related_name="answers", help_text="Whose agent got the answer."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "name"], name="one_question_per_name"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answer="") | Q(answered_at__isnull=False) & ~Q(answer=""),
                name="what_is_answered_has_an_answer",
            ),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(answered_at__isnull=False), name="only_an_answer_is_delivered"
            ),
        ]
        indexes = [
            models.Index(fields=["entry", "id"], name="questions_of_entry"),
            models.Index(fields=["entry"], condition=Q(answered_at__isnull=True), name="unanswered_questions"),
            # With the column of its condition, so that SQLite counts by the index alone.
            models.Index(
                fields=["workspace", "answered_at"], condition=Q(answered_at__isnull=True), name="unanswered_by_workspace"
            ),
            models.Index(
                fields=["entry"], condition=Q(answered_at__isnull=False, delivered_at__isnull=True), name="answers_to_deliver"
            ),
        ]
        ordering = ["id"]

    def __str__(self) -> str:
        return self.text[:60]

    @classmethod
    def waits(cls, entry_id: Any) -> Exists:
        """True if an answer for the entry has not reached an agent."""
        return Exists(cls.objects.filter(entry_id=entry_id, answered_at__isnull=False, delivered_at__isnull=True))
