"""The texts of people and agents, for pages and the API, each in one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from orchestration.models import Entry, Message, Question


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that waits for a person."""

    workspace_id: str
    entry_id: str
    seq: int
    title: str
    question_id: int
    text: str
    since: datetime


def unanswered(workspace_ids: Sequence[str], *, limit: int = 500, after: int = 0) -> list[Unanswered]:
    """The unanswered questions of these workspaces, oldest first. Not of entries that are done or deleted: nobody waits for those. `after`: the
    id of a question."""
    rows = _unanswered(workspace_ids).filter(pk__gt=after).select_related("entry")
    return [
        Unanswered(row.entry.workspace_id, row.entry_id, row.entry.seq, row.entry.title, row.pk, row.text, row.asked_at)
        for row in rows.order_by("id")[:limit]
    ]


def number_unanswered(workspace_ids: Sequence[str]) -> int:
    """The number of all of them. One query."""
    return _unanswered(workspace_ids).count()


def _unanswered(workspace_ids: Sequence[str]) -> QuerySet[Question]:
    rows = Question.objects.filter(workspace_id__in=workspace_ids, answered_at__isnull=True, entry__deleted_at__isnull=True)
    return rows.exclude(entry__status=Entry.Status.DONE)


def questions(entry: Entry) -> QuerySet[Question]:
    """Newest first."""
    return Question.objects.filter(entry=entry).select_related("round").order_by("-id")


def messages(entry: Entry) -> QuerySet[Message]:
    """The messages of people to the entry's agents, newest first: instructions, and messages to sessions."""
    return Message.objects.filter(entry=entry).select_related("round").order_by("-id")
